"""Weights that authors published: fetching them, and reading them as plain data."""
