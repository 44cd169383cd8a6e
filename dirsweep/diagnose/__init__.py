"""Checks of a sweep before its run."""
