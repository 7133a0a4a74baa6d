"""How the gradient is assigned through time."""
