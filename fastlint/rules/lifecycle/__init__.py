"""Rules about dependencies, and about what has to be closed."""
