"""Extra terms of the training loss."""
