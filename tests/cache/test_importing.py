"""Chat logs of others as records: what is taken over, how it is numbered, and what is refused, by its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openai
import pytest

from cache import cassette
from cache.__main__ import main
from cache.errors import CacheError
from cache.importing import imported
from cache.key import digest_bytes
from cache.serving.transport import http_transport

HI = [{"role": "user", "content": "Hi"}]
LINE = {"messages": HI, "answer": "A", "parameters": {"model": "m", "temperature": 1}}


def log(path: Path, *lines: object) -> Path:
    path.write_text("\n\n".join(map(json.dumps, lines)) + "\n")
    return path


def test_answers_are_taken_over_in_every_form_and_numbered_in_their_order(tmp_path: Path) -> None:
    body = {"id": "x", "choices": [{"index": 0, "message": {"content": "C"}, "finish_reason": "length"}]}
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "t"}]}
    lines = [LINE, {**LINE, "answer": body}, {**LINE, "answer": call, "sample": 7, "source": "mine"}]
    path = log(tmp_path / "log.jsonl", *lines)
    one, two, three = imported(path)
    assert [one.sample, two.sample, three.sample] == [0, 1000, 7]
    assert one.request == {"messages": HI, "model": "m", "temperature": 1}
    assert (one.text, two.answer) == ("A", body)
    assert three.answer == {"choices": [{"index": 0, "message": call}]}
    said = {"origin": "imported from a chat log", "file": "log.jsonl", "sha256": digest_bytes(path.read_bytes())}
    assert one.provenance == {**said, "place": "line 1"}
    assert three.provenance == {**said, "place": "line 5", "source": "mine"}
    assert one.observed == {}


def test_a_list_of_messages_is_cut_at_each_of_the_system(tmp_path: Path) -> None:
    turns = [
        {"role": "user", "content": "1"},
        {"role": "assistant", "content": "one"},
        {"role": "user", "content": "2"},
    ]
    dialogue = [{"role": "system", "content": "S"}, *turns, {"role": "assistant", "content": "two"}]
    path = log(tmp_path / "chat.json", [*dialogue, *dialogue])
    records = imported(path, "gpt-4")
    assert [record.text for record in records] == ["one", "two"] * 2
    assert [record.sample for record in records] == [0, 0, 1000, 1000]
    assert records[1].request == {"model": "gpt-4", "messages": dialogue[:4]}
    assert records[3].provenance["place"] == "message 9"


def test_an_imported_log_grows_and_replays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, into = tmp_path / "log.jsonl", tmp_path / "mine.jsonl"
    for lines, said in (
        ([LINE], "1 answers imported, new: 1"),
        ([LINE, {**LINE, "answer": "B"}], "2 answers imported"),
    ):
        log(path, *lines)
        assert main(["import", str(path), "--into", str(into)]) == 0
        assert said in capsys.readouterr().out
    assert len(cassette.read(into, exact=True)) == 2
    asked: dict[str, Any] = {"model": "m", "temperature": 1, "messages": HI}
    with openai.DefaultHttpxClient(transport=http_transport(into)) as http:
        sdk = openai.OpenAI(api_key="none", http_client=http)
        assert [sdk.chat.completions.create(**asked).choices[0].message.content for _ in range(2)] == ["A", "B"]
    log(path, {**LINE, "answer": "another"})
    assert main(["import", str(path), "--into", str(into)]) == 2
    assert "got two that differ" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ({**LINE, "messages": []}, "no message before the answer, one without a role"),
        ({**LINE, "messages": [{"content": "x"}]}, "no message before the answer, one without a role"),
        ({**LINE, "parameters": {}}, "no name of a model"),
        ({**LINE, "parameters": {"model": "m", "messages": 1}}, "no message"),
        ({**LINE, "answer": 3}, r"Expected `str \| object`, got `int` - at `\$.answer`"),
        ({**LINE, "sample": -1}, r"Expected `int` >= 0 - at `\$.sample`"),
        ({**LINE, "surplus": 1}, "unknown field `surplus`"),
        ({"messages": HI}, "missing required field `answer`"),
        ("text", "Expected `object`, got `str`"),
        ({**LINE, "answer": "sk-proj-" + "0123456789abcdefghij" * 2}, "Expected no credential"),
    ],
)
def test_a_line_of_another_form(line: Any, why: str, tmp_path: Path) -> None:
    path = log(tmp_path / "log.jsonl", LINE, line)
    with pytest.raises(CacheError, match=rf"^Line 3 of {path}: .*{why}"):
        imported(path)


def test_a_file_that_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(CacheError, match="Expected a chat log at"):
        imported(tmp_path / "nothing.jsonl")
    (tmp_path / "list.json").write_text("[3]")
    with pytest.raises(CacheError, match=r"^The list of "):
        imported(tmp_path / "list.json")
    with pytest.raises(CacheError, match=r"^Message 0 of .*no name of a model"):
        imported(log(tmp_path / "chat.json", [{"role": "assistant", "content": "x"}]))
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(CacheError, match="got: no answer"):
        imported(tmp_path / "empty.jsonl")
