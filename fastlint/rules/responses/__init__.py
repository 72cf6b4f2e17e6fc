"""Rules about requests and responses."""
