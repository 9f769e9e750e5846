"""The page of an experiment: one HTML file, made from records and tables, without the network."""
