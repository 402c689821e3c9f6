"""A record: one request, its answer verbatim, and where the answer came from.

As a line of canonical JSON a record is

    {"digest": …, "key": …, "question": {"kind", "request", "sample", "scheme"},
     "reply": {"answer", "observed", "provenance"}}

The key is the SHA-256 of `question`, the digest is the SHA-256 of `{"key", "reply"}`: together they cover every byte
that is ever returned, so neither a request nor an answer can be edited unnoticed. Where rules rewrote the request for
its key (`cache.rewriting`), `question` holds it as rewritten, and `reply` also the `request` as it was sent and its
`rewrites`, the rules. Canonical JSON has one form, so reading verifies question and reply as they stand in the line.
Lines of the first version end with a sketch of the question, which served to find the nearest record; they are read,
and written without it. A line is read only if it is byte for byte what is written of the record in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import msgspec

from cache.errors import CacheError, CorruptRecord, InvalidRequest
from cache.key import JSON, TOO_DEEP, canonical, digest_bytes, keyed, question
from cache.nearest import sketch
from cache.redaction import refuse_credentials
from cache.rewriting import Rules, rewritten
from genius_replay.showing import brief

CHAT = "chat.completions"
RESPONSES = "responses"
PAID = frozenset({CHAT, RESPONSES, "completions", "embeddings", "messages"})
"""The kinds that an endpoint answers, each named by its path; `messages` is Anthropic's."""
RESTORE = "Restore the file it came from (for a cassette: `git checkout` it), or record the answer again."


@dataclass(frozen=True)
class Record:
    """One answer to one request.

    >>> record = Record({"model": "m", "messages": []}, {"choices": [{"message": {"content": "Yes."}}]})
    >>> record.key[:14], record.text
    ('sha256:5b6518a', 'Yes.')

    Attributes:
        request: the body that was sent, without what is in `cache.key.NOT_IN_KEY` (credentials first of all).
        answer: the body that came back, verbatim, in the chat.completion shape.
        sample: numbers independent answers to the same request, from 0.
        kind: which interface answered.
        provenance: which API, published file and turn, reconstruction or local model the answer is from.
        observed: time, latency, usage, library versions, the model that really answered; may be empty.
        rewrites: the rules by which the request is rewritten for its key; of a request that they leave as it is, none.
    """

    request: Mapping[str, JSON]
    answer: Mapping[str, JSON]
    sample: int = 0
    kind: str = CHAT
    provenance: Mapping[str, JSON] = field(default_factory=dict)
    observed: Mapping[str, JSON] = field(default_factory=dict)
    rewrites: Rules = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "request", keyed(self.request))
        if self.rewrites:
            named = tuple((pattern, text) for pattern, text in self.rewrites)
            object.__setattr__(self, "rewrites", named if rewritten(self.request, named) != self.request else ())

    def __repr__(self) -> str:
        return brief(self, f"{self.kind}, sample {self.sample}: {json.dumps(self.answer, default=str)}")

    @cached_property
    def key(self) -> str:
        """The key of the request; raises InvalidRequest if it is not JSON."""
        return digest_bytes(self.question)

    @property
    def question(self) -> bytes:
        """The canonical bytes whose digest is the key."""
        return question(self.asked, kind=self.kind, sample=self.sample)

    @cached_property
    def asked(self) -> Mapping[str, JSON]:
        """The request as its key sees it."""
        return rewritten(self.request, self.rewrites)

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
        """The digest of answer, observations and provenance under the key; raises InvalidRequest."""
        return self._seal[1]

    def to_line(self) -> bytes:
        """Return the record as one line of canonical JSON, with its line end.

        Raises:
            InvalidRequest: something in the record is not JSON.
            CacheError: something in the record looks like a credential.
        """
        if "_safe" not in self.__dict__:
            try:
                refuse_credentials({"request": self.request, **self._reply()})
            except RecursionError:
                raise InvalidRequest(f"Expected JSON in a record, got {TOO_DEEP}. Mend what is recorded.") from None
            self.__dict__["_safe"] = True
        return self._seal[2]

    def _reply(self) -> dict[str, JSON]:
        before: dict[str, JSON] = {"request": self.request, "rewrites": self.rewrites} if self.rewrites else {}
        return {"answer": self.answer, "observed": self.observed, "provenance": self.provenance, **before}

    @cached_property
    def _seal(self) -> tuple[str, str, bytes]:
        """Key, digest and line are made once; of what was read they are there already."""
        return _sealed(self.question, canonical(self._reply()))

    def believed(self, key: str, digest: str) -> Record:
        """Return this record, if it has this key and a digest that begins so.

        Raises:
            CorruptRecord: the request does not give the key, or the rest does not give the digest.
        """
        if self._seal[0] != key:
            raise CorruptRecord(f"The request of the record {key} was changed: it no longer gives its key. {RESTORE}")
        if not self._seal[1].startswith(digest):
            reply = f"The answer, observations or provenance of the record {key}"
            raise CorruptRecord(f"{reply} were changed: they no longer give its digest. {RESTORE}")
        self.__dict__.update(key=key, _safe=True)
        return self

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
        try:
            said = msgspec.json.decode(line, type=_Line)
            asked = msgspec.json.decode(said.question, type=_Question)
            replied = msgspec.json.decode(said.reply, type=_Reply)
        except (ValueError, RecursionError, msgspec.MsgspecError) as error:
            raise _no_line(line, error) from None
        if expected_key is not None and expected_key != said.key:
            raise CorruptRecord(f"Expected the record {expected_key}, got {said.key}. {RESTORE}")
        request = asked.request if replied.request is None else replied.request
        how = asked.sample, asked.kind, replied.provenance, replied.observed, replied.rewrites
        record = cls(request, replied.answer, *how)
        try:
            record.believed(said.key, said.digest)
        except InvalidRequest as error:
            raise _no_line(line, error) from None
        if line not in (record.to_line(), record.first_line()):
            raise _no_line(line, "not as it is written: another order, other spaces, or numbers in another form")
        return record

    def first_line(self) -> bytes:
        """Return the record as the first version wrote its line: with the sketch of the question at the end."""
        return self.to_line()[:-2] + b',"sketch":"%b"}\n' % sketch(self.question).hex().encode()

    def answers_as(self, other: Record) -> bool:
        """Whether two records of a key answer alike: when and under which name they were delivered does not count."""
        return self.key == other.key and _said(self) == _said(other)


def body_of(answer: Mapping[str, JSON]) -> Mapping[str, JSON]:
    """Return the object that an endpoint answered: the answer itself, or what is in the text as which others are kept.

    >>> body_of({"content_type": "application/json", "text": '{"output": []}'})
    {'output': []}
    """
    match answer:
        case {"content_type": str(), "text": str(text)}:
            with suppress(ValueError, RecursionError):
                body = json.loads(text)
                return body if isinstance(body, dict) else {}
            return {}
    return answer


# -- the line as bytes ---


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    digest: str
    key: str
    question: msgspec.Raw
    reply: msgspec.Raw
    sketch: str = ""


class _Question(msgspec.Struct, forbid_unknown_fields=True):
    kind: str
    request: dict[str, Any]
    sample: int
    scheme: Literal[1]


class _Reply(msgspec.Struct, forbid_unknown_fields=True):
    answer: dict[str, Any]
    observed: dict[str, Any]
    provenance: dict[str, Any]
    request: dict[str, Any] | None = None
    rewrites: Rules = ()


def _sealed(question: bytes, reply: bytes) -> tuple[str, str, bytes]:
    """Return key, digest and line of a question and a reply in canonical form."""
    key = digest_bytes(question)
    digest = digest_bytes(b'{"key":"%b","reply":%b}' % (key.encode(), reply))
    line = b'{"digest":"%b","key":"%b","question":%b,"reply":%b}\n' % (digest.encode(), key.encode(), question, reply)
    return key, digest, line


DELIVERY = frozenset({"created", "id", "timings"})
"""Of a model's answer what each delivery of it has anew: its name, its hour, and how long it took."""


def _said(record: Record) -> bytes:
    return canonical({name: said for name, said in record.answer.items() if name not in DELIVERY})


def _no_line(line: bytes, reason: object) -> CorruptRecord:
    return CorruptRecord(
        f"Expected a line of digest, key, question and reply, got {len(line)} bytes that begin with {line[:60]!r} "
        f"({reason}). {RESTORE}"
    )
