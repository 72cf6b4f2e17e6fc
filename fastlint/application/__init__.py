"""What FastAPI makes of the program: routes, dependencies, and where each function runs."""
