"""`python -m reproduce record`: let a live model search as GENIUS did, and keep every answer: `search` with a model."""

from __future__ import annotations

import argparse

from reproduce.cli import search
from reproduce.cli.search import run as run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `record`."""
    search.add_arguments(parser, record=True)
