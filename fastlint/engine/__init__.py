"""The pipeline: from paths to diagnostics."""
