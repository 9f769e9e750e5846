"""What a run of the workflow would do and cost, found out without running or writing anything."""
