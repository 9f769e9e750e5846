"""Training batches: which crops, where they lie, how they are altered, and how they are loaded."""
