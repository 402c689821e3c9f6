"""Torch networks, one builder a file under the name of its space; torch is imported here and where training happens."""
