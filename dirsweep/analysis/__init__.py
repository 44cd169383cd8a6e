"""Numbers of the report: intervals, effects, importance, selection."""
