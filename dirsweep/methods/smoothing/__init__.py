"""Calibration of features on their way to the regressor."""
