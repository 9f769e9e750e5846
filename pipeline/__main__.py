"""`python -m pipeline` is `dmtbench`."""

from pipeline.cli import main

main()
