"""Recorded answers for any program: what answers a request, behind a port or in the place of a network."""
