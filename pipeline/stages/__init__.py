"""Stages: each reads files and writes files, and no stage imports another.

Most commands of `pipeline.cli` call a stage. The others call the package that does the work: data
(pixel store, windows, stand-in), finished runs, lists of methods and sources, schemas, workflow.
"""
