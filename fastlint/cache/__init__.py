"""What a run leaves behind so that the next one has less to do."""
