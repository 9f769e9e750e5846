"""Synthetic dual-pixel data: scenes, camera, the sets made of them, and a stand-in for Canon."""
