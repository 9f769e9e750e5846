"""Bringing a published data set to this machine: mirrors, downloads, archives and folders."""
