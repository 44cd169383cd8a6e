"""Benchmarks, one file each; every file is found by itself."""
