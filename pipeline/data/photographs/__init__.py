"""Photographs as phones and raw developers write them: read, turned upright, written back."""
