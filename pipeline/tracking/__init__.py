"""Records to MLflow: one experiment a data set, one run a record."""
