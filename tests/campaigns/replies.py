"""Mutated replies: no text breaks a reader, and none takes long. `python -m tests.campaigns.replies N [SEED]`.

Replies of known meaning are cut, repeated, joined and sprinkled with what readers stumble over; prints how many were
read, and the longest time for each reader. Exit code 1 if one took a tenth of a second for 10 KB.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Iterator

from harness.protocol import Rejection
from harness.text import published, strict
from harness.text.published import Reader, Reading
from tables.space import Space
from tests.harness.text.meant import replies

READERS: dict[str, Reader] = {"line": strict.read, "json": strict.read_json, "published": published.read}
LIMIT_S, SIZE = 0.1, 10_000
PIECES: tuple[str, ...] = (
    "[",
    "]",
    "[[",
    "{",
    '"',
    ",",
    "，",
    "\n",
    "\r",
    " ",
    "\t",
    "\x00",
    "\u2028",
    "\u202e",
    "\ud800",
    "０",
    "-1",
    "1e9",
)
PIECES += (
    "<think>",
    "</think>",
    "<|",
    "|>",
    "User:",
    "user ",
    "Design:",
    "Design",
    "Experiment 1",
    "**",
    "```",
    "e.g.",
)
PIECES += ("not ", "Stage 1", "Node 1", "analysis", "<|channel|>", "...", "(", ")", "\\", "#", "//", "：", "9" * 30)


def mutated(count: int, seed: int) -> Iterator[tuple[Space, str]]:
    """So many texts, each at most `SIZE` characters, with the space that they are about."""
    rng = random.Random(seed)
    before = ""
    for meant in replies(count, seed):
        text = meant.text
        for _ in range(rng.randrange(4)):
            place, piece = rng.randrange(len(text) + 1), rng.choice(PIECES)
            match rng.randrange(5):
                case 0:
                    text = text[:place] + piece + text[place:]
                case 1:
                    text = text[:place] + text[place + rng.randrange(9) :]
                case 2:
                    text = text[:place] + before + text[place:]
                case 3:
                    text = text[:place] + piece * (SIZE // len(piece)) + text[place:]
                case _:
                    text = (text or piece) * rng.randrange(1, 9)
            text = text[:SIZE]
        before = text
        yield meant.space, text


def campaign(count: int, seed: int = 0) -> dict[str, float]:
    """The longest time of each reader in seconds; raises whatever a reader raises."""
    read: Counter[str] = Counter()
    longest = dict.fromkeys(READERS, 0.0)
    for space, text in mutated(count, seed):
        for name, reader in READERS.items():
            start = time.process_time()
            reading = reader(space, text)
            took = time.process_time() - start
            if not isinstance(reading, Reading | Rejection):
                raise TypeError(f"{name}: {reading!r} from {text!r}")
            read[name] += isinstance(reading, Reading)
            if took > longest[name]:
                longest[name] = took
                if took > LIMIT_S:
                    print(f"{name}: {took:.3f} s for {len(text)} characters: {text[:300]!r} … {text[-100:]!r}")  # noqa: T201
    print(f"{count} replies; read: {dict(read)}; longest (s): {longest}")  # noqa: T201
    return longest


if __name__ == "__main__":
    sys.exit(max(campaign(*map(int, sys.argv[1:])).values()) > LIMIT_S)
