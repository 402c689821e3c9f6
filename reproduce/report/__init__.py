"""What a command shows: cells with a status, and the forms in which they are printed."""
