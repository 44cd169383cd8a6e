"""Benchmarks of the techniques and of the orchestration, measured side by side."""
