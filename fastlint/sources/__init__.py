"""The files of a project: which they are and what they say."""
