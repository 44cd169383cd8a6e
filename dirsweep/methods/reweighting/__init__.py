"""Sample weights of the regression loss."""
