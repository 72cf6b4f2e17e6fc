"""A small shop that sells things it may have to order first."""
