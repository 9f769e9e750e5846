"""Parts that several published methods have in common."""
