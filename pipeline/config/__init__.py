"""The experiment file: typed, checked, with defaults taken from the method list."""
