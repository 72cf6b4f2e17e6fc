"""Rules about the event loop and the thread pool."""
