"""Tables and whole runs as HTML."""
