"""Knowledge of libraries, as data: what blocks, what calls return, what runs elsewhere."""
