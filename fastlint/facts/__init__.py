"""One file's facts: what it imports, defines, calls and awaits, as plain data."""
