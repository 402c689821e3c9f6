"""`python -m benchmarks.replay`: whole processes beside `python -c "import numpy"`, run in turn.

The goal is that `table2` takes at most three times as long, and that `--help` answers in under 0.3 s.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

REFERENCE = ["-c", "import numpy"]
COMMANDS = {
    "--help": ["-m", "reproduce", "--help"],
    "table2": ["-m", "reproduce", "table2"],
    "check": ["-m", "reproduce", "check"],
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
    for name, arguments in COMMANDS.items():
        seconds(arguments)
        pairs = [(seconds(arguments), seconds(REFERENCE)) for _ in range(runs)]
        ours, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
        ratio = statistics.median(a / b for a, b in pairs)
        print(f"{name:<8} {ours:.3f} s   import numpy {theirs:.3f} s   ratio {ratio:.2f}   (median of {runs})")


if __name__ == "__main__":
    main()
