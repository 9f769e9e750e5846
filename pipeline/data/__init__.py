"""Dual-pixel data: image files, synthetic scenes, manifests and the pixel store, training crops."""
