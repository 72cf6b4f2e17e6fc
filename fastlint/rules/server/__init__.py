"""Rules about the server: how it is started, and what stands in front of it."""
