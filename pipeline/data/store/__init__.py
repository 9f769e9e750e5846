"""The pixel store: every image of a set as memory-mapped tiles of uint16."""
