"""Verdicts on the paper's cells and claims, and the statistics behind them."""
