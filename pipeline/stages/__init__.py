"""Stages: each turns files into files; the command line and the workflow call nothing else."""
