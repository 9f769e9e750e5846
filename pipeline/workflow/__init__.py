"""The interface to Snakemake: names, paths and rerun keys, its jobs, a run with progress bars."""
