"""Benchmark tables that others measured or this project trained: read-only, keyed by architecture; knows nothing of optimisers."""
