"""Inspection of a folder of images: its contents and its problems, before anything is built."""
