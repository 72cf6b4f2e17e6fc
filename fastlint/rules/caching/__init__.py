"""Rules about what could be kept from one request to the next."""
