"""Evaluation: metrics, whole-image inference and model complexity."""
