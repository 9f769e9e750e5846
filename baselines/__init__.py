"""Published and control methods, one per module, behind the contract of `pipeline.methods`."""
