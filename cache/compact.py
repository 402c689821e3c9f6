"""The lines of a cassette, version 2: what records share stands once, on a line of its own, by its content hash.

    {"is": value, "shared": hash}                  a text, an object or a list that several records hold
    {"kind": …, "of": skeleton, "shape": hash}     names and nesting that several records have, and their constant parts
    {"digest": …, "key": …, "of": hash, "with": […]}     a record: its shape, and what stands in the shape's holes
    {"digest": …, "is": content, "key": …, "kind": …}    a record of a shape of its own

A hash is the first 16 hexadecimal digits of a SHA-256: of the value's canonical JSON, or of the shape's. In a value a
string `"$hash"` stands for what is shared, `["$+hash", …]` is a shared list that goes on, `{"$text": […]}` a text in
pieces; a string or name of its own that begins with `$` has another `$` in front. So a conversation that grows, and a
statement that lists one experiment more, add only what is new.

A record's digest is the beginning of that of `Record.to_line`; with the key it covers all that is rebuilt.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from cache.errors import CorruptRecord
from cache.key import DIGEST_PREFIX, JSON, canonical, digest_bytes
from cache.record import Record

HASH = 16  # hexadecimal digits
REFERENCE, LINE = 19, 38  # characters of JSON that a reference takes, and a line of what is shared besides its value
CONTAINER = 160  # characters of JSON below which names are better said by a shape
PARAGRAPH = "\n\n"  # behind it a text may be cut

_RESTORE = "Restore the file it came from (for a cassette: `git checkout` it), or record the answer again."


def _hash(value: JSON) -> str:
    return digest_bytes(canonical(value)).removeprefix(DIGEST_PREFIX)[:HASH]


def _content(record: Record) -> dict[str, JSON]:
    return {
        "answer": record.answer,
        "observed": record.observed,
        "provenance": record.provenance,
        "request": record.request,
        "sample": record.sample,
    }


# -- writing ---

Node: TypeAlias = int
"""A value by number: equal values have one. A list is its last item behind the list before it; a text likewise."""


class _Graph:
    """All values of some records, each once, with how often others hold it."""

    def __init__(self) -> None:
        self.parts: list[tuple[Node, ...]] = []
        self._kinds: list[str] = []  # "scalar", "piece" of a text, "object", or a chain: "text", "list"
        self._values: list[JSON] = []  # of all but chains
        self._sizes: list[int] = []
        self._numbers: dict[Any, Node] = {}
        self._hashes: dict[Node, str] = {}

    def add(self, value: JSON) -> Node:
        """The number of a value, all of whose parts are counted when it is first seen."""
        if isinstance(value, str):
            *pieces, last = value.split(PARAGRAPH)
            texts = [*(piece + PARAGRAPH for piece in pieces), *filter(None, [last])]
            numbers = [self._number("piece", text, (), len(text), text) for text in texts]
            return self._chain("text", numbers)
        if isinstance(value, Mapping):
            names = sorted(value)
            parts = tuple(self.add(value[name]) for name in names)
            size = sum(self._sizes[part] for part in parts) + sum(len(name) + 4 for name in names)
            return self._number("object", tuple(names), parts, size, value)
        if isinstance(value, (list, tuple)):
            return self._chain("list", [self.add(item) for item in value])
        written = canonical(value)
        return self._number("scalar", written, (), len(written), value)

    def _chain(self, kind: str, parts: Sequence[Node]) -> Node:
        if kind == "text" and parts:  # one piece is a text already
            whole, *parts = parts
        else:
            whole = self._number(kind, "", (), 2)
        for part in parts:
            whole = self._number(kind, "", (whole, part), self._sizes[whole] + self._sizes[part] + 1)
        return whole

    def _number(self, kind: str, what: Any, parts: tuple[Node, ...], size: int, value: JSON = None) -> Node:
        number = self._numbers.setdefault((kind, what, parts), len(self.parts))
        if number == len(self.parts):
            self.parts.append(parts)
            self._kinds.append(kind)
            self._sizes.append(size)
            self._values.append(value)
        return number

    def shared(self, roots: Iterable[Node]) -> frozenset[Node]:
        """What pays to be said once: it stands in several places, and is longer than references to it."""
        uses = Counter(roots)
        found = []
        for node in reversed(range(len(self.parts))):  # a part has a smaller number than what holds it
            count, size = uses[node], self._sizes[node]
            is_long = self._kinds[node] in ("piece", "text") or (self._kinds[node] != "scalar" and size >= CONTAINER)
            if count > 1 and is_long and (count - 1) * size > count * REFERENCE + LINE:
                found.append(node)
                count = 1
            for part in self.parts[node]:
                uses[part] += count
        return frozenset(found)

    def hash(self, node: Node) -> str:
        """The content hash of a value."""
        if node not in self._hashes:
            self._hashes[node] = _hash(self._value(node))
        return self._hashes[node]

    def _value(self, node: Node) -> JSON:
        if self._kinds[node] == "list":
            return [self._value(part) for part in self._cut(node, frozenset())[1]]
        if self._kinds[node] == "text":
            return "".join(str(self._values[part]) for part in self._cut(node, frozenset())[1])
        return self._values[node]

    def encoded(self, node: Node, shared: frozenset[Node]) -> JSON:
        """A value with references in the place of what is shared in it."""
        kind, value = self._kinds[node], self._values[node]
        if kind in ("list", "text"):
            before, parts = self._cut(node, shared)
            if kind == "text" and before is None and not shared.intersection(parts):
                return _escaped(str(self._value(node)))
            sign = "$" if kind == "text" else "$+"
            items = [*([] if before is None else [sign + self.hash(before)]), *(self._part(n, shared) for n in parts)]
            return {"$text": items} if kind == "text" else items
        if isinstance(value, Mapping):
            named = zip(sorted(value), self.parts[node], strict=True)
            return {_escaped(name): self._part(part, shared) for name, part in named}
        return _escaped(value) if isinstance(value, str) else value

    def _part(self, node: Node, shared: frozenset[Node]) -> JSON:
        return f"${self.hash(node)}" if node in shared else self.encoded(node, shared)

    def _cut(self, node: Node, shared: frozenset[Node]) -> tuple[Node | None, list[Node]]:
        """The longest shared beginning of a list or a text, if there is one, and the parts behind it."""
        behind: list[Node] = []
        while self._kinds[node] != "piece" and self.parts[node]:
            node, part = self.parts[node]
            behind.append(part)
            if node in shared:
                return node, behind[::-1]
        return None, [*([node] if self._kinds[node] == "piece" else []), *behind[::-1]]


def written(records: Sequence[Record]) -> bytes:
    """The lines of a cassette behind its manifest."""
    graph = _Graph()
    roots = [graph.add(_content(record)) for record in records]
    shared = graph.shared(roots)
    lines = [(graph.hash(node), {"is": graph.encoded(node, shared), "shared": graph.hash(node)}) for node in shared]
    shapes: dict[tuple[str, bytes], list[tuple[Record, list[JSON]]]] = defaultdict(list)
    for record, root in zip(records, roots, strict=True):
        leaves: list[JSON] = []
        skeleton = _skeleton(graph.encoded(root, shared), leaves)
        shapes[record.kind, canonical(skeleton)].append((record, leaves))
    body: list[tuple[str, Mapping[str, JSON]]] = []
    for (kind, skeleton), members in shapes.items():
        holes, constant = _holes([[canonical(leaf) for leaf in leaves] for _, leaves in members])
        first = members[0][1]
        shape = _filled(json.loads(skeleton), iter([[first[n]] if n in constant else hole for n, hole in holes]))
        name = _hash({"kind": kind, "of": shape})
        if len(members) > 1:
            lines.append((name, {"kind": kind, "of": shape, "shape": name}))
        for record, leaves in members:
            kept = {hole: leaves[n] for n, hole in reversed(holes) if n not in constant}
            filled: list[JSON] = [kept[hole] for hole in sorted(kept)]
            what: dict[str, JSON] = {"of": name, "with": filled} if len(members) > 1 else {"is": shape, "kind": kind}
            body.append((record.key, {**_seal(record), **what}))
    return b"".join(canonical(line) + b"\n" for _, line in [*sorted(lines, key=_first), *sorted(body, key=_first)])


def _holes(rows: Sequence[Sequence[bytes]]) -> tuple[list[tuple[int, int]], set[int]]:
    """The hole of each leaf, equal columns sharing one; and the leaves that never vary, which need none."""
    columns = [*zip(*rows, strict=True)]
    constant = {n for n, column in enumerate(columns) if len({*column}) == 1}
    numbers: dict[tuple[bytes, ...], int] = {}
    return [(n, 0 if n in constant else numbers.setdefault(c, len(numbers))) for n, c in enumerate(columns)], constant


def _first(line: tuple[str, object]) -> str:
    return line[0]


def _seal(record: Record) -> dict[str, JSON]:
    return {"digest": record.digest.removeprefix(DIGEST_PREFIX)[:HASH], "key": record.key.removeprefix(DIGEST_PREFIX)}


def _skeleton(value: JSON, leaves: list[JSON]) -> JSON:
    """Names and nesting of a value, each leaf a 0; the leaves are appended in order."""
    if isinstance(value, Mapping):
        return {name: _skeleton(value[name], leaves) for name in sorted(value)}
    if isinstance(value, list):
        return {"$list": [_skeleton(item, leaves) for item in value]}
    leaves.append(value)
    return 0


def _filled(skeleton: Any, leaves: Iterator[Any]) -> JSON:
    """A skeleton with these in the place of its leaves: the number of a hole, or `[leaf]` for one that never varies."""
    if isinstance(skeleton, Mapping):
        return {name: _filled(skeleton[name], leaves) for name in sorted(skeleton)}
    if isinstance(skeleton, list):
        return [_filled(item, leaves) for item in skeleton]
    leaf: JSON = next(leaves)
    return leaf


def _escaped(text: str) -> str:
    return f"${text}" if text.startswith("$") else text


# -- reading ---


@dataclass(frozen=True)
class Packed:
    """A record as its line has it, with all that the lines before it share."""

    key: str
    kind: str
    digest: str
    shape: Any
    leaves: tuple[JSON, ...]
    shared: Shared

    def record(self, expected_key: str) -> Record:
        """The record, rebuilt and verified.

        Raises:
            CorruptRecord: it does not give the key and the digest of its line, or refers to what is not there.
        """
        try:
            content = self.shared.rebuilt(self.shape, self.leaves)
            return Record.rebuilt(self.kind, content, expected_key, DIGEST_PREFIX + self.digest)
        except CorruptRecord:
            raise
        except Exception as error:  # whatever an edited line can hold
            raise CorruptRecord(f"The record {self.key} cannot be rebuilt ({error!r}). {_RESTORE}") from error


class Shared:
    """What the lines of a cassette share, as far as they were read."""

    def __init__(self) -> None:
        self._encoded: dict[str, JSON] = {}
        self._values: dict[str, Any] = {}
        self._shapes: dict[str, tuple[str, JSON]] = {}

    def read(self, line: bytes) -> Packed | None:
        """Take in a line; a record is returned, not yet rebuilt.

        Raises:
            CorruptRecord: it is no line of a cassette.
        """
        try:
            match json.loads(line):
                case {"is": value, "shared": str(name), **rest} if not rest:
                    self._encoded[name] = value
                    return None
                case {"kind": str(kind), "of": shape, "shape": str(name), **rest} if not rest:
                    self._shapes[name] = kind, shape
                    return None
                case {"digest": str(digest), "key": str(key), "of": str(name), "with": [*leaves], **rest} if not rest:
                    kind, shape = self._shapes[name]
                    return Packed(DIGEST_PREFIX + key, kind, digest, shape, tuple(leaves), self)
                case {"digest": str(digest), "is": shape, "key": str(key), "kind": str(kind), **rest} if not rest:
                    return Packed(DIGEST_PREFIX + key, kind, digest, shape, (), self)
        except (ValueError, RecursionError):
            pass
        except KeyError as error:
            raise CorruptRecord(f"Expected a shape {error} on a line before, got none. {_RESTORE}") from None
        raise CorruptRecord(f"Expected a line of a cassette, got {line[:60]!r}. {_RESTORE}")

    def verify(self, line: bytes) -> None:
        """Check a line that was read on its own: its form, and that it holds what its hash or digest says.

        Raises:
            CorruptRecord: it does not.
        """
        said = json.loads(line)
        if canonical(said) + b"\n" != line:
            raise CorruptRecord(f"Expected canonical JSON, got {line[:60]!r}. {_RESTORE}")
        if (packed := self.read(line)) is not None:
            packed.record(packed.key)
        elif "shared" in said and _hash(self._value(said["shared"])) != said["shared"]:
            raise CorruptRecord(f"What is shared as {said['shared']} was changed. {_RESTORE}")
        elif "shape" in said and _hash({"kind": said["kind"], "of": said["of"]}) != said["shape"]:
            raise CorruptRecord(f"The shape {said['shape']} was changed. {_RESTORE}")

    def rebuilt(self, shape: Any, leaves: Sequence[JSON]) -> Any:
        """The value of a shape whose holes are filled with these leaves."""
        return self._decoded(_unfolded(shape, leaves))

    def _decoded(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._value(value[1:]) if value.startswith("$") and not value.startswith("$$") else _plain(value)
        if isinstance(value, Mapping):
            if "$text" in value:
                return self._said(value["$text"])
            return {_plain(name): self._decoded(part) for name, part in value.items()}
        return self._items(value) if isinstance(value, list) else value

    def _items(self, items: Sequence[Any]) -> list[Any]:
        if items and isinstance(items[0], str) and items[0].startswith("$+"):
            return [*self._value(items[0][2:]), *map(self._decoded, items[1:])]
        return [*map(self._decoded, items)]

    def _said(self, pieces: Iterable[Any]) -> str:
        return "".join(map(self._decoded, pieces))

    def _value(self, name: str) -> Any:
        """What is shared under a hash; it may stand on a later line."""
        waiting = [name]
        while waiting and name not in self._values:
            latest = waiting[-1]
            if latest not in self._encoded or len(waiting) > len(self._encoded):
                raise CorruptRecord(f"Expected a line that shares {latest}, got none. {_RESTORE}")
            before = _before(self._encoded[latest])  # long conversations are long chains
            if before is None or before in self._values:
                self._values[latest] = self._decoded(self._encoded[latest])
                waiting.pop()
            else:
                waiting.append(before)
        return self._values[name]


def _unfolded(shape: Any, leaves: Sequence[JSON]) -> Any:
    """The encoded value of a shape."""
    if isinstance(shape, Mapping):
        if "$list" in shape:
            return [_unfolded(item, leaves) for item in shape["$list"]]
        return {name: _unfolded(part, leaves) for name, part in shape.items()}
    return shape[0] if isinstance(shape, list) else leaves[shape]


def _before(encoded: Any) -> str | None:
    """The hash of what a shared list or text goes on from."""
    items = encoded.get("$text") if isinstance(encoded, Mapping) else encoded
    first = items[0] if isinstance(items, list) and items else ""
    if not isinstance(first, str) or not first.startswith("$") or first.startswith("$$"):
        return None
    return first.removeprefix("$").removeprefix("+")


def _plain(text: str) -> str:
    return text[1:] if text.startswith("$$") else text
