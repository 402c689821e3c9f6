"""Speed and memory, each beside a reference in the same run: `python -m benchmarks.NAME`."""
