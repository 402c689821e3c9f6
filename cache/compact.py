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

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import msgspec

from cache.errors import CorruptRecord
from cache.key import DIGEST_PREFIX, JSON, canonical, digest_bytes
from cache.record import RESTORE, Record

HASH = 16  # hexadecimal digits
REFERENCE, LINE = 19, 38  # characters of JSON that a reference takes, and a line of what is shared besides its value
CONTAINER = 160  # characters of JSON below which names are better said by a shape
PARAGRAPH = "\n\n"  # behind it a text may be cut


def _hash(value: JSON) -> str:
    return digest_bytes(canonical(value)).removeprefix(DIGEST_PREFIX)[:HASH]


# -- writing ---

_CONTENT = ("answer", "observed", "provenance", "request", "sample")  # of a record; its kind stands with the shape

Number: TypeAlias = int
"""Of a value: equal values have one. A list is its last item behind the list before it; a text likewise."""


class _Node(NamedTuple):
    kind: str  # "scalar", "piece" of a text, "object", or a chain: "text", "list"
    parts: tuple[Number, ...]
    size: int  # in characters of JSON
    value: JSON  # of all but chains


class _Graph:
    """All values of some records, each once, with how often others hold it."""

    def __init__(self) -> None:
        self._nodes: list[_Node] = []
        self._numbers: dict[Any, Number] = {}
        self._hashes: dict[Number, str] = {}

    def add(self, value: JSON) -> Number:
        """The number of a value, all of whose parts are counted when it is first seen."""
        if isinstance(value, str):
            *pieces, last = value.split(PARAGRAPH)
            texts = [*(piece + PARAGRAPH for piece in pieces), *filter(None, [last])]
            first, *others = [self._number("piece", text, (), len(text), text) for text in texts] or [
                self._empty("text")
            ]
            return self._chain("text", first, others)  # one piece is a text already
        if isinstance(value, Mapping):
            names = sorted(value)
            parts = tuple(self.add(value[name]) for name in names)
            size = sum(self._nodes[part].size for part in parts) + sum(len(name) + 4 for name in names)
            return self._number("object", tuple(names), parts, size, value)
        if isinstance(value, (list, tuple)):
            items = [self.add(item) for item in value]
            return self._chain("list", self._empty("list"), items)
        said = canonical(value)
        return self._number("scalar", said, (), len(said), value)

    def _empty(self, kind: str) -> Number:
        return self._number(kind, "", (), 2)

    def _chain(self, kind: str, whole: Number, parts: Iterable[Number]) -> Number:
        for part in parts:
            size = self._nodes[whole].size + self._nodes[part].size + 1
            whole = self._number(kind, "", (whole, part), size)
        return whole

    def _number(self, kind: str, what: Any, parts: tuple[Number, ...], size: int, value: JSON = None) -> Number:
        number = self._numbers.setdefault((kind, what, parts), len(self._nodes))
        if number == len(self._nodes):
            self._nodes.append(_Node(kind, parts, size, value))
        return number

    def shared(self, roots: Iterable[Number]) -> frozenset[Number]:
        """What pays to be said once: it stands in several places, and is longer than references to it."""
        uses = Counter(roots)
        found = []
        for number, node in reversed([*enumerate(self._nodes)]):  # a part has a smaller number than what holds it
            count = uses[number]
            is_long = node.kind in ("piece", "text") or (node.kind != "scalar" and node.size >= CONTAINER)
            if count > 1 and is_long and (count - 1) * node.size > count * REFERENCE + LINE:
                found.append(number)
                count = 1
            for part in node.parts:
                uses[part] += count
        return frozenset(found)

    def hash(self, number: Number) -> str:
        """The content hash of a value."""
        if number not in self._hashes:
            self._hashes[number] = _hash(self._value(number))
        return self._hashes[number]

    def _value(self, number: Number) -> JSON:
        node = self._nodes[number]
        if node.kind not in ("text", "list"):
            return node.value
        parts = [self._value(part) for part in self._cut(number)[1]]
        return "".join(map(str, parts)) if node.kind == "text" else parts

    def encoded(self, number: Number, shared: frozenset[Number]) -> JSON:
        """A value with references in the place of what is shared in it."""
        kind, inner, _, value = self._nodes[number]
        if kind in ("list", "text"):
            before, parts = self._cut(number, shared)
            if kind == "text" and before is None and not shared.intersection(parts):
                return _escaped(str(self._value(number)))
            sign = "$" if kind == "text" else "$+"
            items = [*([] if before is None else [sign + self.hash(before)]), *(self._part(n, shared) for n in parts)]
            return {"$text": items} if kind == "text" else items
        if isinstance(value, Mapping):
            named = zip(sorted(value), inner, strict=True)
            return {_escaped(name): self._part(part, shared) for name, part in named}
        return _escaped(value) if isinstance(value, str) else value

    def _part(self, number: Number, shared: frozenset[Number]) -> JSON:
        return f"${self.hash(number)}" if number in shared else self.encoded(number, shared)

    def _cut(self, number: Number, shared: frozenset[Number] = frozenset()) -> tuple[Number | None, list[Number]]:
        """The longest shared beginning of a list or a text, if there is one, and the parts behind it."""
        behind: list[Number] = []
        while self._nodes[number].kind != "piece" and self._nodes[number].parts:
            number, part = self._nodes[number].parts
            behind.append(part)
            if number in shared:
                return number, behind[::-1]
        return None, [*([number] if self._nodes[number].kind == "piece" else []), *behind[::-1]]


def written(records: Sequence[Record]) -> bytes:
    """The lines of a cassette behind its manifest."""
    graph = _Graph()
    roots = [graph.add({name: getattr(record, name) for name in _CONTENT}) for record in records]
    shared = graph.shared(roots)
    before: list[tuple[str, bytes]] = []
    for number in shared:
        name = graph.hash(number)
        before.append((name, canonical({"is": graph.encoded(number, shared), "shared": name})))
    shapes: dict[tuple[str, bytes], list[tuple[Record, list[JSON]]]] = defaultdict(list)
    for record, root in zip(records, roots, strict=True):
        leaves: list[JSON] = []
        skeleton = _skeleton(graph.encoded(root, shared), leaves)
        shapes[record.kind, canonical(skeleton)].append((record, leaves))
    body: list[tuple[str, bytes]] = []
    for (kind, skeleton), members in shapes.items():
        holes, constant = _holes([[canonical(leaf) for leaf in leaves] for _, leaves in members])
        first = members[0][1]
        filling = iter([[first[n]] if n in constant else hole for n, hole in holes])
        shape = _filled(msgspec.json.decode(skeleton), filling)
        name = _hash({"kind": kind, "of": shape})
        if len(members) > 1:
            before.append((name, canonical({"kind": kind, "of": shape, "shape": name})))
        for record, leaves in members:
            kept = {hole: leaves[n] for n, hole in reversed(holes) if n not in constant}
            filled: list[JSON] = [kept[hole] for hole in sorted(kept)]
            said: dict[str, JSON] = {"of": name, "with": filled} if len(members) > 1 else {"is": shape, "kind": kind}
            key, digest = (text.removeprefix(DIGEST_PREFIX) for text in (record.key, record.digest))
            body.append((key, canonical({**said, "digest": digest[:HASH], "key": key})))
    return b"".join(line + b"\n" for _, line in [*sorted(before), *sorted(body)])


def _holes(rows: Sequence[Sequence[bytes]]) -> tuple[list[tuple[int, int]], set[int]]:
    """The hole of each leaf, equal columns sharing one; and the leaves that never vary, which need none."""
    columns = [*zip(*rows, strict=True)]
    constant = {n for n, column in enumerate(columns) if len({*column}) == 1}
    numbers: dict[tuple[bytes, ...], int] = {}
    return [(n, 0 if n in constant else numbers.setdefault(c, len(numbers))) for n, c in enumerate(columns)], constant


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


@contextmanager
def _refusing(what: str) -> Iterator[None]:
    """Turn whatever an edited line can raise into CorruptRecord."""
    try:
        yield
    except CorruptRecord:
        raise
    except Exception as error:
        raise CorruptRecord(f"{what} cannot be rebuilt ({error!r}). {RESTORE}") from error


@dataclass(frozen=True)
class Packed:
    """A record as its line has it, with all that the file shares."""

    key: str
    digest: str
    kind: str
    shape: Any
    leaves: Sequence[JSON]
    shared: Shared

    def record(self) -> Record:
        """The record, rebuilt and verified.

        Raises:
            CorruptRecord: it does not give the key and the digest of its line, or refers to what is not there.
        """
        with _refusing(f"The record {self.key}"):
            content = self.shared.decoded(_unfolded(self.shape, self.leaves))
            return Record.rebuilt(self.kind, content, self.key, DIGEST_PREFIX + self.digest)


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
            match msgspec.json.decode(line):
                case {"is": value, "shared": str(name), **rest} if not rest:
                    self._encoded[name] = value
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
        """What is shared under a hash; it may stand on a later line."""
        waiting: list[str] = []
        before: str | None = name
        while before is not None and before not in self._values:  # long conversations are long chains
            if before not in self._encoded or len(waiting) > len(self._encoded):
                raise CorruptRecord(f"Expected a line that shares {before}, got none. {RESTORE}")
            waiting.append(before)
            before = _before(self._encoded[before])
        for latest in reversed(waiting):
            self._values[latest] = self.decoded(self._encoded[latest])
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
