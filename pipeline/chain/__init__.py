"""The chain behind every number: whether each artifact is what the experiment requests."""
