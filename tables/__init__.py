"""Benchmark tables that others published or this project trained, keyed by architecture; knows of no optimiser."""
