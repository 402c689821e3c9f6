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

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from graphlib import TopologicalSorter
from typing import Any, NamedTuple

import msgspec

from cache.errors import CacheError, CorruptRecord, InvalidRequest
from cache.key import DIGEST_PREFIX, JSON, canonical, digest_bytes
from cache.record import RESTORE, Record

HASH = 16  # hexadecimal digits
REFERENCE, LINE = 19, 38  # characters of JSON that a reference takes, and a line of what is shared besides its value
CONTAINER = 160  # characters of JSON below which names are better said by a shape
REFERRED = re.compile(r'(?<!\\)"\$\+?([0-9a-f]{16})"')  # in a line; a quotation mark inside a text has a backslash
PIECES = re.compile(r".*?\n\n|.+", re.DOTALL)  # a text may be cut behind a paragraph


def _hash(value: JSON) -> str:
    return digest_bytes(canonical(value)).removeprefix(DIGEST_PREFIX)[:HASH]


# -- writing ---


def _content(record: Record) -> tuple[str, ...]:
    """The names of what a record holds; its kind stands with the shape."""
    return ("answer", "observed", "provenance", "request", "sample", *(["rewrites"] if record.rewrites else []))


@dataclass(eq=False)
class _Node:
    """A value, once for all places where it stands. A list is its last item behind the list before it; a text too."""

    kind: str  # "scalar", "piece" of a text, "object", or a chain: "text", "list"
    value: JSON  # of all but chains
    parts: tuple[_Node, ...]
    size: int  # in characters of JSON
    uses: int = 0
    shared: bool = False

    @cached_property
    def hash(self) -> str:
        """The content hash."""
        return _hash(self.whole())

    def whole(self) -> JSON:
        """The value itself."""
        if self.kind not in ("list", "text"):
            return self.value
        parts = [part.whole() for part in self._cut(whole=True)[1]]
        return parts if self.kind == "list" else "".join(map(str, parts))

    def encoded(self) -> JSON:
        """The value with references in the place of what is shared in it."""
        if self.kind in ("list", "text"):
            before, parts = self._cut()
            if self.kind == "text" and before is None and not any(part.shared for part in parts):
                return _escaped(str(self.whole()))
            sign = "$" if self.kind == "text" else "$+"
            items = [*([] if before is None else [sign + before.hash]), *(part._said() for part in parts)]
            return {"$text": items} if self.kind == "text" else items
        if isinstance(self.value, Mapping):
            return {_escaped(name): part._said() for name, part in zip(sorted(self.value), self.parts, strict=True)}
        return _escaped(self.value) if isinstance(self.value, str) else self.value

    def _said(self) -> JSON:
        return f"${self.hash}" if self.shared else self.encoded()

    def _cut(self, *, whole: bool = False) -> tuple[_Node | None, list[_Node]]:
        """The longest shared beginning of a list or a text, if there is one, and the parts behind it."""
        node, behind = self, list[_Node]()
        while node.parts:
            node, part = node.parts
            behind.append(part)
            if node.shared and not whole:
                return node, behind[::-1]
        return None, [*([node] if node.kind == "piece" else []), *behind[::-1]]


class _Nodes:
    """All values of some records."""

    def __init__(self) -> None:
        self._nodes: dict[Any, _Node] = {}

    def of(self, value: JSON) -> _Node:
        """The node of a value."""
        if isinstance(value, Mapping):
            names = sorted(value)
            inner = tuple(self.of(value[name]) for name in names)
            return self._node("object", tuple(names), sum(len(name) + 4 for name in names), value, inner)
        if not isinstance(value, (str, list, tuple)):
            said = canonical(value)
            return self._node("scalar", said, len(said), value)
        if isinstance(value, str):
            kind, parts = "text", [self._node("piece", text, len(text), text) for text in PIECES.findall(value)]
        else:
            kind, parts = "list", [self.of(item) for item in value]
        node = parts.pop(0) if kind == "text" and parts else self._node(kind, "", 2)  # one piece is a text already
        for part in parts:
            node = self._node(kind, "", 1, parts=(node, part))
        return node

    def _node(self, kind: str, what: Any, own: int, value: JSON = None, parts: tuple[_Node, ...] = ()) -> _Node:
        key = kind, what, parts
        if key not in self._nodes:
            self._nodes[key] = _Node(kind, value, parts, own + sum(part.size for part in parts))
        return self._nodes[key]

    def shared(self, roots: Iterable[_Node]) -> list[_Node]:
        """What pays to be said once: it stands in several places, and is longer than references to it."""
        for root in roots:
            root.uses += 1
        for node in reversed(self._nodes.values()):  # a part was made before what holds it
            is_long = node.kind in ("piece", "text") or (node.kind != "scalar" and node.size >= CONTAINER)
            node.shared = node.uses > 1 and is_long and (node.uses - 1) * node.size > node.uses * REFERENCE + LINE
            for part in node.parts:
                part.uses += 1 if node.shared else node.uses
        return [node for node in self._nodes.values() if node.shared]


def written(records: Sequence[Record]) -> bytes:
    """The lines of a cassette behind its manifest."""
    nodes = _Nodes()
    roots = [nodes.of({name: getattr(record, name) for name in _content(record)}) for record in records]
    shared = nodes.shared(roots)
    before = [(node.hash, canonical({"is": node.encoded(), "shared": node.hash})) for node in shared]
    shapes: dict[tuple[str, bytes], list[tuple[Record, JSON, list[JSON]]]] = defaultdict(list)
    for record, root in zip(records, roots, strict=True):
        encoded, leaves = root.encoded(), list[JSON]()
        skeleton = canonical(_shaped(encoded, leaves.append))
        shapes[record.kind, skeleton].append((record, encoded, leaves))
    body: list[tuple[str, bytes]] = []
    for (kind, _), members in shapes.items():
        holes = _holes([[canonical(leaf) for leaf in leaves] for _, _, leaves in members])
        _, encoded, leaves = members[0]
        filling = [[leaf] if hole is None else hole for hole, leaf in zip(holes, leaves, strict=True)]
        shape = _shaped(encoded, partial(next, iter(filling)))  # what stood there is only a default
        name = _hash({"kind": kind, "of": shape})
        if len(members) > 1:
            before.append((name, canonical({"kind": kind, "of": shape, "shape": name})))
        for record, _, leaves in members:
            kept = {hole: leaf for hole, leaf in reversed([*zip(holes, leaves, strict=True)]) if hole is not None}
            filled: list[JSON] = [kept[hole] for hole in sorted(kept)]
            said: dict[str, JSON] = {"of": name, "with": filled} if len(members) > 1 else {"is": shape, "kind": kind}
            key, digest = (text.removeprefix(DIGEST_PREFIX) for text in (record.key, record.digest))
            body.append((key, canonical({**said, "digest": digest[:HASH], "key": key})))
    return b"".join(line + b"\n" for _, line in [*sorted(before), *sorted(body)])


def _holes(rows: Sequence[Sequence[bytes]]) -> list[int | None]:
    """The hole of each leaf, equal columns sharing one; None for the leaves that never vary, which need none."""
    numbers: dict[tuple[bytes, ...], int] = {}
    columns = zip(*rows, strict=True)
    return [None if len({*column}) == 1 else numbers.setdefault(column, len(numbers)) for column in columns]


def _shaped(value: JSON, leaf: Callable[[JSON], JSON]) -> JSON:
    """Names and nesting of a value, with this in the place of each leaf, in order."""
    if isinstance(value, Mapping):
        return {name: _shaped(value[name], leaf) for name in sorted(value)}
    if isinstance(value, list):
        return {"$list": [_shaped(item, leaf) for item in value]}
    return leaf(value)


def _escaped(text: str) -> str:
    return f"${text}" if text.startswith("$") else text


# -- reading ---


@contextmanager
def _refusing(what: str) -> Iterator[None]:
    """Turn whatever an edited line can raise into CorruptRecord."""
    try:
        yield
    except Exception as error:
        if isinstance(error, CacheError) and not isinstance(error, InvalidRequest):
            raise
        raise CorruptRecord(f"{what} cannot be rebuilt ({error!r}). {RESTORE}") from error


class Packed(NamedTuple):
    """A record as its line has it, with all that the file shares."""

    key: str
    digest: str
    kind: str
    shape: Any
    leaves: Sequence[JSON]
    shared: Shared

    @property
    def is_rewritten(self) -> bool:
        """Whether rules rewrote its request, as its line says."""
        return isinstance(self.shape, Mapping) and "rewrites" in self.shape

    def record(self) -> Record:
        """The record, rebuilt and verified.

        Raises:
            CorruptRecord: it does not give the key and the digest of its line, or refers to what is not there.
        """
        with _refusing(f"The record {self.key}"):
            content = self.shared.decoded(_unfolded(self.shape, self.leaves))
            return Record(kind=self.kind, **content).believed(self.key, DIGEST_PREFIX + self.digest)


class Shared:
    """What the lines of a cassette share, as far as they were read."""

    def __init__(self) -> None:
        self._encoded: dict[str, JSON] = {}
        self._needs: dict[str, list[str]] = {}
        self._values: dict[str, Any] = {}
        self._shapes: dict[str, tuple[str, JSON]] = {}

    def read(self, line: bytes) -> Packed | None:
        """Take in a line; a record is returned, not yet rebuilt.

        Raises:
            CorruptRecord: it is no line of a cassette.
        """
        try:
            match msgspec.json.decode(line):
                case {"is": value, "shared": str(name), **rest} if not rest:
                    self._encoded[name] = value
                    self._needs[name] = REFERRED.findall(line.decode())
                    return None
                case {"kind": str(kind), "of": shape, "shape": str(name), **rest} if not rest:
                    self._shapes[name] = kind, shape
                    return None
                case {"digest": str(digest), "key": str(key), "of": str(name), "with": [*leaves], **rest} if not rest:
                    return Packed(DIGEST_PREFIX + key, digest, *self._shapes[name], leaves, self)
                case {"digest": str(digest), "is": shape, "key": str(key), "kind": str(kind), **rest} if not rest:
                    return Packed(DIGEST_PREFIX + key, digest, kind, shape, (), self)
        except (ValueError, RecursionError, msgspec.MsgspecError):
            pass
        except KeyError as error:
            raise CorruptRecord(f"Expected a shape {error} on a line before, got none. {RESTORE}") from None
        raise CorruptRecord(f"Expected a line of a cassette, got {line[:60]!r}. {RESTORE}")

    def verify(self, line: bytes) -> None:
        """Check a line of a file that was read: its form, and that it holds what its hash or digest says.

        Raises:
            CorruptRecord: it does not.
        """
        said = msgspec.json.decode(line)
        if canonical(said) + b"\n" != line:
            raise CorruptRecord(f"Expected canonical JSON, got {line[:60]!r}. {RESTORE}")
        if (packed := self.read(line)) is not None:
            packed.record()
            return
        name = said.get("shared", said.get("shape"))
        with _refusing(f"What is shared as {name}"):
            if name != _hash(self._value(name) if "is" in said else {"kind": said["kind"], "of": said["of"]}):
                raise CorruptRecord(f"What is shared as {name} was changed. {RESTORE}")

    def decoded(self, value: Any) -> Any:
        """A value with what is shared in the place of references."""
        if isinstance(value, str):
            return self._value(value[1:]) if value.startswith("$") and not value.startswith("$$") else _plain(value)
        if isinstance(value, Mapping):
            if "$text" in value:
                return "".join(map(self.decoded, value["$text"]))
            return {_plain(name): self.decoded(part) for name, part in value.items()}
        if not isinstance(value, list):
            return value
        if value and isinstance(value[0], str) and value[0].startswith("$+"):
            return [*self._value(value[0][2:]), *map(self.decoded, value[1:])]
        return [*map(self.decoded, value)]

    def _value(self, name: str) -> Any:
        """What is shared under a hash; it may stand on a later line, and long conversations are long chains."""
        if name not in self._encoded:
            raise CorruptRecord(f"Expected a line that shares {name}, got none. {RESTORE}")
        if name not in self._values:
            for latest in TopologicalSorter(self._needs).static_order():
                self._values[latest] = self.decoded(self._encoded.get(latest))
        return self._values[name]


def _unfolded(shape: Any, leaves: Sequence[JSON]) -> Any:
    """The encoded value of a shape."""
    if isinstance(shape, Mapping):
        if "$list" in shape:
            return [_unfolded(item, leaves) for item in shape["$list"]]
        return {name: _unfolded(part, leaves) for name, part in shape.items()}
    return shape[0] if isinstance(shape, list) else leaves[shape]


def _plain(text: str) -> str:
    return text[1:] if text.startswith("$$") else text
