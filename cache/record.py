"""A record: one request, its answer verbatim, and where the answer came from.

As a line of canonical JSON a record is

    {"digest": …, "key": …, "question": {"kind", "request", "sample", "scheme"},
     "reply": {"answer", "observed", "provenance"}}

The key is the SHA-256 of `question`, the digest is the SHA-256 of `{"key", "reply"}`: together they cover every byte
that is ever returned, so neither a request nor an answer can be edited unnoticed. Canonical JSON has one form, so
reading verifies slices of the line as it stands. Lines of the first version end with a sketch of the question, which
served to find the nearest record; they are read, and written without it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cache.errors import CacheError, CorruptRecord
from cache.key import JSON, canonical, digest_bytes, keyed, question
from cache.redaction import refuse_credentials

CHAT = "chat.completions"


@dataclass(frozen=True)
class Record:
    """One answer to one request.

    Attributes:
        request: the body that was sent, without what is in `cache.key.NOT_IN_KEY` (credentials first of all).
        answer: the body that came back, verbatim, in the chat.completion shape.
        sample: numbers independent answers to the same request, from 0.
        kind: which interface answered.
        provenance: which API, published file and turn, reconstruction or local model the answer is from.
        observed: time, latency, usage, library versions, the model that really answered; may be empty.
    """

    request: Mapping[str, JSON]
    answer: Mapping[str, JSON]
    sample: int = 0
    kind: str = CHAT
    provenance: Mapping[str, JSON] = field(default_factory=dict)
    observed: Mapping[str, JSON] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "request", keyed(self.request))

    @cached_property
    def key(self) -> str:
        """The key of the request; raises InvalidRequest if it is not JSON."""
        return digest_bytes(self.question)

    @property
    def question(self) -> bytes:
        """The canonical bytes whose digest is the key."""
        return question(self.request, kind=self.kind, sample=self.sample)

    @property
    def text(self) -> str:
        """What the model said: the content of the first choice; raises CacheError if the answer has none."""
        match self.answer:
            case {"choices": [{"message": {"content": str(content)}}, *_]}:
                return content
        raise CacheError(
            f"Expected choices[0].message.content to be text in the answer of {self.key}, got "
            f"{json.dumps(self.answer)[:200]}. Read `answer` instead of `text`."
        )

    @property
    def digest(self) -> str:
        """The digest of answer, observations and provenance under the key; raises as `to_line`."""
        return _head(self._line)[1].decode()

    def to_line(self) -> bytes:
        """Return the record as one line of canonical JSON, with its line end.

        Raises:
            InvalidRequest: something in the record is not JSON.
            CacheError: something in the record looks like a credential.
        """
        return self._line

    @cached_property
    def _line(self) -> bytes:
        """The line is made once; of what was read it is there already."""
        refuse_credentials({"request": self.request, **self._reply()})
        return self._written()

    def _written(self) -> bytes:
        asked, replied = self.question, canonical(self._reply())
        key = digest_bytes(asked).encode()
        return _LINE % (_reply_digest(key, replied), key, asked, replied)

    def _reply(self) -> dict[str, JSON]:
        return {"answer": self.answer, "observed": self.observed, "provenance": self.provenance}

    @classmethod
    def rebuilt(cls, kind: str, content: Mapping[str, Any], key: str, digest: str) -> Record:
        """Return the record of its parts, if it has this key and a digest that begins so.

        Raises:
            CorruptRecord: the request does not give the key, or the rest does not give the digest.
        """
        record = cls(kind=kind, **content)
        line = record._written()
        head = _head(line)
        for what, found, stated in (("request", head[2], key), ("answer, observations or provenance", head[1], digest)):
            if not found.decode().startswith(stated):
                raise CorruptRecord(f"The {what} of the record {key} was changed. {_RESTORE}")
        record.__dict__.update(key=key, _line=line)
        return record

    @classmethod
    def from_line(cls, line: bytes, expected_key: str | None = None) -> Record:
        """Return the record that `to_line` wrote.

        Args:
            line: with its line end.
            expected_key: the key under which the line was found.

        Raises:
            CorruptRecord: the request does not give the key, the answer does not give the digest, or `expected_key`
                is another one.
        """
        key = _verify(line)
        if expected_key is not None and expected_key != key:
            raise CorruptRecord(f"Expected the record {expected_key}, got {key}. {_RESTORE}")
        content = json.loads(line)
        asked, reply = content["question"], content["reply"]
        record = cls(
            request=asked["request"],
            answer=reply["answer"],
            sample=asked["sample"],
            kind=asked["kind"],
            provenance=reply["provenance"],
            observed=reply["observed"],
        )
        record.__dict__.update(key=key, _line=line[: _end(line)] + b"}\n")
        return record


# -- the line as bytes ---

_LINE = b'{"digest":"%b","key":"%b","question":%b,"reply":%b}\n'
_REPLY, _ANSWER = b',"reply":', b',"reply":{"answer":'
# Digests and keys have one length, so what surrounds question and reply lies at fixed places.
_HEAD = re.compile(rb'\{"digest":"(sha256:[0-9a-f]{64})","key":"(sha256:[0-9a-f]{64})","question":')
_SKETCH = re.compile(rb',"sketch":"[0-9a-f]{256}"\}\n\Z')
_SKETCH_BYTES = len(b',"sketch":""}\n') + 256
_RESTORE = "Restore the file it came from (for a cassette: `git checkout` it), or record the answer again."


def line_key(line: bytes) -> str:
    """Return the key that a line states, unverified; raises CorruptRecord if `to_line` cannot have written the line."""
    return _head(line)[2].decode()


def _head(line: bytes) -> re.Match[bytes]:
    head = _HEAD.match(line)
    if head is None or not line.endswith(b"}\n"):
        raise CorruptRecord(
            f"Expected a line of digest, key, question and reply, got {len(line)} bytes that begin with "
            f"{line[:60]!r}. {_RESTORE}"
        )
    return head


def _end(line: bytes) -> int:
    """Where the reply ends: before the last bracket, or before the sketch that a line of the first version has."""
    return len(line) - (_SKETCH_BYTES if _SKETCH.match(line, len(line) - _SKETCH_BYTES) else len(b"}\n"))


def _verify(line: bytes) -> str:
    """Return the key of `line` after hashing the two slices of it that its key and its digest stand for."""
    head = _head(line)
    key = head[2].decode()
    start, tail = head.end(), _end(line)
    end = line.find(_ANSWER, start)
    while end > 0 and digest_bytes(line[start:end]) != key:
        end = line.find(_ANSWER, end + 1)  # a request may hold these bytes too
    if end < 0:
        raise CorruptRecord(f"The request of the record {key} was changed: it no longer gives its key. {_RESTORE}")
    if _reply_digest(head[2], line[end + len(_REPLY) : tail]) != head[1]:
        raise CorruptRecord(
            f"The answer, observations or provenance of the record {key} were changed: they no longer give its digest. "
            f"{_RESTORE}"
        )
    return key


def _reply_digest(key: bytes, reply: bytes) -> bytes:
    return digest_bytes(b'{"key":"%b","reply":%b}' % (key, reply)).encode()
