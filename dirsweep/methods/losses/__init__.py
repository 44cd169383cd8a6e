"""Regression losses."""
