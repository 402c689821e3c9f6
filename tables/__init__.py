"""Benchmark tables that others measured: read-only, keyed by architecture; knows nothing of optimisers."""
