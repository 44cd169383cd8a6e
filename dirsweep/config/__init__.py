"""What a sweep is: its file, its points, its trials."""
