"""Statistics over seeds and images: intervals, bootstrap, paired tests, ranks, power."""
