"""The program as a whole: modules, names, types and calls, resolved across files."""
