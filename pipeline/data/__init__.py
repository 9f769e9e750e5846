"""Dual-pixel data: image files, synthetic scenes, manifests and the patch store."""
