"""Repairs: pieces of source that are rewritten, edits that are put together, files that are written."""
