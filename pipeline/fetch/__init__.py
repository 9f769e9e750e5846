"""Fetching published data sets: mirrors, downloads, archives and folders."""
