"""The experiment file: typed, checked, with defaults from the method list and the recipes."""
