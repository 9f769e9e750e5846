"""The pixel store: training and validation images as memory-mapped tiles of uint16."""
