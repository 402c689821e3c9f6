"""Rules that keep dates and random ids out of keys: what is kept stays as it was, and says which rules there were."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache import cassette
from cache.__main__ import main
from cache.cassette import Cassette
from cache.client import Client, Reply
from cache.errors import CacheError, CorruptRecord, InvalidRequest, ReplayMiss
from cache.key import request_key
from cache.record import CHAT, Record
from cache.rewriting import rewritten, rules
from cache.serving.transport import http_transport, responding
from cache.store import Store
from tests.cache.records import chat_record, chat_request
from tests.cache.server import completion

pytest.importorskip("re2", reason="rewrites requests: install the extra `server`")

DATE = (r"\d{4}-\d\d-\d\d", "DATE")
ID = ("id=[0-9a-f]{8}", "id=ID")
RULES = rules(dict([DATE, ID]))
FIRST, LATER = "It is 2026-11-28, id=0123abcd.", "It is 2027-01-02, id=ffffffff."


def dated(text: str, answer: str = "[1, 2]") -> Record:
    return Record(chat_request(text), completion(answer), rewrites=RULES)


def test_the_key_is_that_of_the_request_as_rewritten_and_the_request_is_kept() -> None:
    record = dated(FIRST)
    assert record.key == dated(LATER).key == request_key(chat_request("It is DATE, id=ID."), kind=CHAT, sample=0)
    assert record.request == chat_request(FIRST)
    again = Record.from_line(record.to_line(), record.key)
    assert (again, again.rewrites) == (record, RULES)


def test_a_record_that_no_rule_touches_is_written_as_without_rules() -> None:
    plain = chat_record("No date.")
    ruled = Record(plain.request, plain.answer, 0, CHAT, plain.provenance, plain.observed, RULES)
    assert ruled.to_line() == plain.to_line()
    assert ruled.rewrites == ()


@pytest.mark.parametrize("edit", [(b"2026-11-28", b"2026-11-2x"), (b"2026-11-28", b"2026-11-27"), (b"DATE", b"DAT")])
def test_an_edited_record_is_refused(edit: tuple[bytes, bytes], tmp_path: Path) -> None:
    line = dated(FIRST).to_line()
    with pytest.raises(CorruptRecord):
        Record.from_line(line.replace(*edit))
    path = tmp_path / "a.jsonl"
    cassette.write(path, [dated(FIRST)])
    path.write_bytes(path.read_bytes().replace(*edit))
    with pytest.raises(CacheError, match="changed"):
        cassette.read(path)


def test_cassettes_and_stores_keep_the_rules(tmp_path: Path) -> None:
    records = [dated(FIRST), dated(FIRST + " More, so that something is shared."), chat_record("Plain.")]
    path = tmp_path / "a.jsonl"
    cassette.write(path, records)
    content = cassette.read(path, exact=True)
    assert {*map(Record.to_line, content.values())} == {*map(Record.to_line, records)}
    assert content.rules() == {RULES}
    assert Cassette([records[2]]).rules() == set()
    with Store(tmp_path / "store") as store:
        store.load(content)
        assert store.rules() == {RULES}
        assert store.verify() == []
        assert store.export().digest == content.digest


TEXTS = st.lists(st.text("2026-11 ia=0f$d", max_size=30) | st.just(FIRST), min_size=1, max_size=4)


@settings(max_examples=30)
@given(asked=st.lists(TEXTS, max_size=6), named=st.lists(st.sampled_from(RULES), max_size=2, unique=True))
def test_whatever_was_rewritten_comes_back_and_gives_the_same_bytes(
    asked: list[list[str]], named: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("values")
    records = [Record({"of": texts}, {"n": n}, n, rewrites=tuple(named)) for n, texts in enumerate(asked)]
    cassette.write(folder / "one", records)
    read = cassette.read(folder / "one", exact=True)
    assert dict(read) == {record.key: record for record in records}
    assert read.rules() <= {tuple(named)}
    cassette.write(folder / "two", [Record.from_line(record.to_line()) for record in read.values()])
    assert (folder / "one").read_bytes() == (folder / "two").read_bytes()


def test_a_client_asks_with_the_request_and_finds_by_the_rules() -> None:
    sent: list[object] = []

    def answers(request: Any) -> Reply:
        sent.append(request)
        return Reply(completion("[1, 2]"))

    client = Client(kept := Cassette(), {CHAT: answers}, RULES)
    records = [client.ask(CHAT, chat_request(text)) for text in (FIRST, LATER)]
    assert sent == [chat_request(FIRST)]
    assert records[0] is records[1]
    with pytest.raises(ReplayMiss) as missed:
        Client(kept).ask(CHAT, chat_request(FIRST))
    assert (
        "rules: recorded with --rewrite '\\d{4}-\\d\\d-\\d\\d=DATE' --rewrite 'id=[0-9a-f]{8}=id=ID', asked with none"
    ) in str(missed.value)
    with pytest.raises(ReplayMiss, match=r"-It is DATE, id=ID\.\n\+It was DATE, id=ID\."):
        Client(kept, rewrites=RULES).ask(CHAT, chat_request(LATER.replace("is", "was")))


def ask(transport: Any, *texts: str) -> list[str | None]:
    with openai.DefaultHttpxClient(transport=transport) as http:
        sdk = openai.OpenAI(api_key="none", http_client=http, max_retries=0)
        made = [sdk.chat.completions.create(**chat_request(text)) for text in texts]  # type: ignore[call-overload]
    return [each.choices[0].message.content for each in made]


def test_a_program_replays_on_another_day_by_the_rules_of_the_recording(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    second = Record(chat_request(LATER), completion("second"), 1000, rewrites=RULES)
    cassette.write(path, [dated(FIRST, "first"), second])
    another = FIRST.replace("0123", "9999")
    assert ask(http_transport(path), LATER, another) == ["first", "second"]  # one request to a session, twice
    assert ask(http_transport(path, rewrite=dict(RULES)), FIRST) == ["first"]


def test_other_rules_than_those_of_the_recording_are_refused(tmp_path: Path) -> None:
    one, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    cassette.write(one, [dated(FIRST)])
    cassette.write(other, [Record(chat_request(FIRST), completion("x"), rewrites=(DATE,))])
    cases: list[tuple[list[Path], dict[str, str]]] = [
        ([one], {"x": "y"}),
        ([one, other], {}),
        ([one], dict([ID, DATE])),
    ]
    for places, declared in cases:
        with pytest.raises(CacheError, match="Expected one list of rules"), responding(places, rewrite=declared):
            pass


def test_no_pattern_takes_longer_than_the_text_is_long() -> None:
    began = time.perf_counter()
    text = "a" * 100_000
    assert rewritten({"of": [text]}, rules({"(a+)+$": "A", "(a|a)*b": "B", r"\w*\w*\w*!": "C"})) == {"of": ["A"]}
    assert time.perf_counter() - began < 20  # a pattern that backtracks takes longer than the universe is old


@pytest.mark.parametrize("pattern", ["(", "(?<=a)b", r"(a)\1", "a{2000}", "\ud800"])
def test_a_pattern_that_is_none(pattern: str) -> None:
    with pytest.raises(CacheError, match="Expected a pattern of RE2 in a rule that rewrites requests, got"):
        rules({pattern: ""})


def test_what_is_no_text_and_what_is_no_json() -> None:
    request: dict[str, Any] = {"2026-11-28": [1, None, True, {"a": "2026-11-28"}], "b": "2026-11-28 ä\n2026-11-29"}
    assert rewritten(request, RULES) == {"2026-11-28": [1, None, True, {"a": "DATE"}], "b": "DATE ä\nDATE"}
    with pytest.raises(InvalidRequest, match="lone surrogate"):
        Client(Cassette(), rewrites=RULES).find(CHAT, {"of": "\ud800 2026-11-28"})
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        Client(Cassette(), rewrites=RULES).find(CHAT, {"of": deep})


def test_the_command_line_says_what_a_rule_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "a.jsonl", "--rewrite", "oops"])
    assert "argument --rewrite: expected PATTERN=REPLACEMENT, got oops; `" in capsys.readouterr().err
    cassette.write(tmp_path / "a.jsonl", [dated(FIRST)])
    assert main(["serve", str(tmp_path / "a.jsonl"), "--rewrite", "(=x", "--rewrite", "a=b"]) == 2
    assert "got '(': missing ): (. Mend it" in capsys.readouterr().err
    assert main(["show", str(tmp_path / "a.jsonl"), dated(FIRST).key]) == 0
    assert 'rewrites    [["\\\\d{4}-' in capsys.readouterr().out


def test_the_line_says_what_was_sent_and_by_which_rules(tmp_path: Path) -> None:
    said = json.loads(dated(FIRST).to_line())
    assert said["question"]["request"] == chat_request("It is DATE, id=ID.")
    assert said["reply"]["request"] == chat_request(FIRST)
    assert said["reply"]["rewrites"] == [[*DATE], [*ID]]
