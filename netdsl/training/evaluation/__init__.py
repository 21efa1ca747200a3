"""Evaluation and prediction with trained weights."""
