"""Problem statements as data, one search space a file."""
