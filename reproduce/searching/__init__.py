"""Searching, from values: which runs there are, who answers as a model, what it will take and took, what was found."""
