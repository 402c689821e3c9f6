"""Cassettes this project recorded or reconstructed: JSON Lines, one record a line."""
