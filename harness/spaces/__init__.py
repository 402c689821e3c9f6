"""Search spaces, one a file: the declaration and the cost of an architecture."""
