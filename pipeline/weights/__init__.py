"""Weights that authors have published: fetching them, and reading them as mere data."""
