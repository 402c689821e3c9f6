"""`python -m harness.training.data NAME [--data PATH]`: print the digest of a data set, which its jobs hold."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from harness.errors import HarnessError
from harness.training.data import NEEDS, find


def main() -> int:
    """Print one line; 2 if the data are not there or not what they should be."""
    parser = argparse.ArgumentParser(prog="python -m harness.training.data", description=__doc__)
    parser.add_argument("name", metavar="NAME", help=", ".join(NEEDS))
    parser.add_argument("--data", type=Path, metavar="PATH", help="where the data lie")
    args = parser.parse_args()
    try:
        dataset = find(args.name, args.data)
        sys.stdout.write(f"{dataset.digest}\n")
    except HarnessError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stderr.write(f"{len(dataset.labels)} pictures, {dataset.own_test} for testing, {dataset.classes} classes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
