"""Stages of a training."""
