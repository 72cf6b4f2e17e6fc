"""What the user asked for: settings, where they come from, and which rules they turn on."""
