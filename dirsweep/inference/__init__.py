"""Stored networks in use: predictions, and metrics of predictions made here or elsewhere."""
