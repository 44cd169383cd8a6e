"""Status and control of a run, live console."""
