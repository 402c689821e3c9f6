"""`python -m benchmarks.replay`: whole processes, each beside a reference in turn.

Goals: `table2` at most three times `import numpy`; `--help` in under 0.3 s; `all` without drawing in under 2 s where
the tables have been fetched. The reference of `all` reads the six published tables as JSON, if they are there.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NUMPY = ["-c", "import numpy"]
JSON_LOAD = [
    "-c",
    "import json; from reproduce.data import manifest, path_of;"
    "tables = (path_of(entry) for entry in manifest() if entry.run is None);"
    "[json.loads(path.read_bytes()) for path in tables if path.exists()]",
]
OUT = str(Path(tempfile.gettempdir()) / "genius-replay-all")
COMMANDS = {
    "--help": (["-m", "reproduce", "--help"], "import numpy", NUMPY),
    "table2": (["-m", "reproduce", "table2"], "import numpy", NUMPY),
    "check": (["-m", "reproduce", "check"], "import numpy", NUMPY),
    "all": (
        ["-m", "reproduce", "all", "--no-figures", "--out", OUT],
        "json.load",
        JSON_LOAD,
    ),
}


def seconds(arguments: list[str]) -> float:
    """Wall time of one Python process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Print the medians and the median of the ratios run by run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    for name, (arguments, reference_name, reference) in COMMANDS.items():
        seconds(arguments)
        pairs = [(seconds(arguments), seconds(reference)) for _ in range(runs)]
        ours, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
        ratio = statistics.median(a / b for a, b in pairs)
        print(f"{name:<8} {ours:.3f} s   {reference_name} {theirs:.3f} s   ratio {ratio:.2f}   (median of {runs})")


if __name__ == "__main__":
    main()
