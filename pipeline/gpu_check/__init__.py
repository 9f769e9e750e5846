"""What can only be measured on a GPU, in one command: parts, each in its own process, and a page.

The modules that the command itself loads (`parts`, `rows`, `scale`, `children`, `page`, `sections`)
never load torch: a CUDA context of the command would take memory from the parts.
"""
