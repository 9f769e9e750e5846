"""A study over seeds: differences between methods, verdicts at this scale, and their page."""
