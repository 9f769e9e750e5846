"""Synthetic dual-pixel data: scenes, camera, generated sets, and a stand-in for the Canon set."""
