"""Optimisers, one a file; they see the ask/tell protocol and a search space, nothing else."""
