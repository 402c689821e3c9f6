"""Which recorded request is nearest to one that was never recorded, and in what they differ.

Of each record there is a sketch of 128 bytes, an *odd sketch* (Mitzenmacher, Pagh and Pham, "Efficient estimation for
high similarities using odd sketches", WWW 2014): every pair of neighbouring words flips one bit. What two requests have
in common cancels, so the number of bits in which two sketches differ counts the words in which the requests do, and a
search through thousands of records never reads one of them. A sketch only ranks: what is shown is read and verified.
A store keeps sketches in its index; of a cassette they are made when one is missed.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from zlib import crc32

from cache.key import JSON, canonical

SKETCH_BYTES = 128

_BITS = 8 * SKETCH_BYTES
# Letters and digits of any script make words; everything else separates them.
_SPACED = bytes(byte if byte > 127 or chr(byte).isalnum() else ord(" ") for byte in range(256))


def sketch(question: bytes) -> bytes:
    """Return the odd sketch, `SKETCH_BYTES` long, of the canonical bytes of a request; the sample is left out."""
    words = question.rsplit(b',"sample":', 1)[0].translate(_SPACED).split()
    bits = bytearray(b"0" * _BITS)
    for pair in map(crc32, words[1:], map(crc32, words)):  # the CRC of each word, carried on from the word before it
        bits[pair % _BITS] ^= 1  # "0" becomes "1", and back
    return int(bits, 2).to_bytes(SKETCH_BYTES, "big")


def nearest_key(wanted: bytes, sketches: Iterable[tuple[str, bytes]]) -> str | None:
    """Return the key whose sketch is nearest to `wanted`, the smallest of several; None if there is no sketch."""
    target = int.from_bytes(wanted, "big")
    ranked = (((int.from_bytes(found, "big") ^ target).bit_count(), key) for key, found in sketches)
    return min(ranked, default=(0, None))[1]


def difference(asked: Mapping[str, JSON], recorded: Mapping[str, JSON]) -> str:
    """Return a unified diff of the first message in which two requests differ, else of their parameters.

    Empty if the requests are the same (then only the sample or the kind differs).
    """
    asked, recorded = json.loads(canonical(asked)), json.loads(canonical(recorded))  # 1 and 1.0 are one number
    what, before, after = "parameters", _parameters(recorded), _parameters(asked)
    for position, pair in enumerate(zip_longest(listed("messages", recorded), listed("messages", asked))):
        if pair[0] != pair[1]:
            what, (before, after) = f"messages[{position}]", pair
            break
    return unified(_text(before), _text(after), f"recorded {what}", f"asked {what}")


def listed(name: str, body: Mapping[str, JSON]) -> list[JSON]:
    """Return a list that is a member of a body, such as the messages of a request; empty where there is none."""
    items = body.get(name)
    return list(items) if isinstance(items, (list, tuple)) else []


def _parameters(request: Mapping[str, JSON]) -> JSON:
    """All but the messages that were compared one by one; messages that are no list are a parameter like any other."""
    return {name: said for name, said in request.items() if name != "messages" or not isinstance(said, (list, tuple))}


def _text(value: JSON) -> str:
    """Print a message as its role and its text, anything else as indented JSON."""
    if value is None:
        return ""
    if isinstance(value, dict) and isinstance(text := value.get("content"), str):
        rest = {name: item for name, item in value.items() if name != "content"}
        return json.dumps(rest, sort_keys=True, ensure_ascii=False) + "\n" + text
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)


def unified(before: str, after: str, left: str, right: str) -> str:
    """Return a unified diff of two texts, under these names."""
    one, other = (text.split("\n") if text else [] for text in (before, after))
    return "\n".join(difflib.unified_diff(one, other, left, right, lineterm="", n=1))
