"""What a run is: its events, its folder, its tables."""
