"""Published and control methods, one per module or package, behind `pipeline.methods`' contract."""
