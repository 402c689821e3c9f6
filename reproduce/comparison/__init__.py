"""Search methods beside GENIUS: the contest and its statistics."""
