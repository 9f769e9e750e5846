"""Snakemake from our side: names, paths and rerun keys, its jobs, and a run with progress bars."""
