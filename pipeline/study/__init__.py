"""A study: several seeds of the paper's variants at small scale, and what they say about claims."""
