"""What a run of the workflow would do and cost, estimated without running any of it."""
