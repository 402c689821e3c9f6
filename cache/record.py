"""A record: one request, its answer verbatim, and where the answer came from.

As a line of canonical JSON a record is

    {"digest": …, "key": …, "question": {"kind", "request", "sample", "scheme"},
     "reply": {"answer", "observed", "provenance"}, "sketch": …}

The key is the SHA-256 of `question`, the digest is the SHA-256 of `{"key", "reply"}`: together they cover every byte
that is ever returned, so neither a request nor an answer can be edited unnoticed. `sketch` only serves to find the
nearest record (see `cache.nearest`). Canonical JSON has one form, so reading verifies slices of the line as it stands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from cache.errors import CorruptRecord, RecordError
from cache.key import JSON, canonical, digest_bytes, keyed, question
from cache.nearest import SKETCH_BYTES, sketch
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
        """What the model said: the content of the first choice; raises RecordError if the answer has none."""
        match self.answer:
            case {"choices": [{"message": {"content": str(content)}}, *_]}:
                return content
        raise RecordError(
            f"Expected choices[0].message.content to be text in the answer of {self.key}, got "
            f"{json.dumps(self.answer)[:200]}. Read `answer` instead of `text`."
        )

    def to_line(self) -> bytes:
        """Return the record as one line of canonical JSON, with its line end.

        Raises:
            InvalidRequest: something in the record is not JSON.
            CredentialFound: something in the record looks like a credential.
        """
        reply: dict[str, JSON] = {"answer": self.answer, "observed": self.observed, "provenance": self.provenance}
        asked, replied = self.question, canonical(reply)
        refuse_credentials({"request": self.request, **reply})
        key = digest_bytes(asked).encode()
        return _LINE % (_reply_digest(key, replied), key, asked, replied, sketch(asked).hex().encode())

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
        return cls(
            request=asked["request"],
            answer=reply["answer"],
            sample=asked["sample"],
            kind=asked["kind"],
            provenance=reply["provenance"],
            observed=reply["observed"],
        )


# -- the line as bytes ---

_LINE = b'{"digest":"%b","key":"%b","question":%b,"reply":%b,"sketch":"%b"}\n'
_REPLY, _ANSWER = b',"reply":', b',"reply":{"answer":'
# Digests, keys and sketches have one length, so what surrounds question and reply lies at fixed places.
_HEAD = re.compile(rb'\{"digest":"(sha256:[0-9a-f]{64})","key":"(sha256:[0-9a-f]{64})","question":')
_TAIL = re.compile(rb',"sketch":"([0-9a-f]{%d})"\}\n\Z' % (2 * SKETCH_BYTES))
_TAIL_BYTES = len(b',"sketch":""}\n') + 2 * SKETCH_BYTES
_RESTORE = "Restore the file it came from (for a cassette: `git checkout` it), or record the answer again."


def line_key(line: bytes) -> str:
    """Return the key that a line states, unverified; raises CorruptRecord if `to_line` cannot have written the line."""
    return _head(line)[2].decode()


def line_sketch(line: bytes) -> bytes:
    """Return the sketch that a line states, unverified: it only ranks."""
    return bytes.fromhex(line[-_TAIL_BYTES:].decode()[len(',"sketch":"') : -len('"}\n')])


def _head(line: bytes) -> re.Match[bytes]:
    head = _HEAD.match(line)
    if head is None or not _TAIL.match(line, len(line) - _TAIL_BYTES):
        raise CorruptRecord(
            f"Expected a line of digest, key, question, reply and sketch, got {len(line)} bytes that begin with "
            f"{line[:60]!r}. {_RESTORE}"
        )
    return head


def _verify(line: bytes) -> str:
    """Return the key of `line` after hashing the two slices of it that its key and its digest stand for."""
    head = _head(line)
    key = head[2].decode()
    start, tail = head.end(), len(line) - _TAIL_BYTES
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
