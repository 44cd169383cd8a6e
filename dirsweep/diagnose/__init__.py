"""Checks of a sweep before a run."""
