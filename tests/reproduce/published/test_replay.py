"""GENIUS' ImageNet runs come out of stored answers, from requests that are rebuilt, with sockets disabled."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_socket import SocketBlockedError

from baselines.genius import Prompts
from cache import cassette
from cache.cassette import Cassette
from cache.client import Client, Tally
from cache.errors import ReplayMiss
from harness.run import perform, request
from harness.spaces import counted_macs
from harness.spaces.mobilenetv2_se import SPACE
from reproduce.data import conversations, embedded_only, read_published
from reproduce.errors import DataMissing, UsageError
from reproduce.paper.registry import ITEMS
from reproduce.published import imagenet, reconstruct
from reproduce.published.conversation import parse
from reproduce.published.imagenet import (
    RUNS,
    cassette_path,
    distinct_conversations,
    embedded,
    published,
    published_records,
    published_run,
    replay,
    specification,
)
from reproduce.published.replay import RECORDED, setting
from reproduce.published.wording import prompt_pack
from reproduce.report.report import Status
from tests.reproduce.published.conversations import ITERATIONS
from tests.reproduce.published.conversations import as_bytes as _bytes
from tests.reproduce.published.conversations import conversation as conversation_made_up

GENIUS_329 = (1, 0, 0, 0, 1, 0, 1, 0, 1, 1, 1, 0, 4, 0, 4, 3, 0, 0, 4, 3, 0, 4, 4, 0, 5, 0, 5, 5, 5, 0)
GENIUS_401 = (1, 0, 1, 0, 1, 1, 1, 1, 0, 0, 1, 1, 4, 4, 0, 4, 0, 4, 4, 5, 0, 5, 0, 5, 6, 5, 0, 6, 0, 5)


def test_sockets_are_disabled() -> None:
    with pytest.raises((SocketBlockedError, UserWarning)):
        socket.socket()


@pytest.mark.parametrize(("run", "winner", "experiment"), [("329M", GENIUS_329, 4), ("401M", GENIUS_401, 7)])
def test_the_embedded_searches_find_the_published_winners(run: str, winner: tuple[int, ...], experiment: int) -> None:
    found = replay(run)
    assert found.source == "reconstructed"
    assert found.winner == winner
    assert found.trajectory.best.iteration + 1 == experiment
    assert found.tally.misses == 0


def test_nothing_is_a_published_answer_in_the_embedded_cassettes() -> None:
    for name in embedded():
        for record in cassette.read(cassette_path(name)).values():
            assert record.provenance["origin"] == "reconstructed from published figures"


def test_the_cassettes_are_what_the_script_makes_of_the_figures() -> None:
    assert {path.name for path in RECORDED.glob("genius-imagenet-*.jsonl")} == {
        cassette_path(name).name for name in embedded()
    }
    for name, transcript in embedded().items():
        assert cassette.read(cassette_path(name)).digest == Cassette(reconstruct.records(transcript)).digest


def test_the_figures_are_those_of_the_conversations(fetched: Path) -> None:
    assert reconstruct.figures() == RUNS.read_text(encoding="utf-8")


def test_figures_need_conversations(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataMissing, match="fetch 329M"):
        reconstruct.figures()
    assert reconstruct.main(["figures"]) == 2
    assert "fetch 329M" in capsys.readouterr().err


def test_figures_that_cannot_be_written_are_one_line(
    fetched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(imagenet, "RUNS", tmp_path / "no" / "such" / "file.json")
    assert reconstruct.main(["figures"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_every_published_answer_comes_out_of_the_records(fetched: Path) -> None:
    turns = 0
    known: set[str] = set()
    for entry in conversations():
        data = read_published(entry)
        if data is None:
            continue
        found = replay(str(entry.run))
        assert found.source == "published"
        published = [message["content"] for message in json.loads(data) if message["role"] == "assistant"]
        assert [step.trial.proposal.reply for step in found.trajectory.steps] == published
        assert found.tally == Tally(len(published), len(published), 0)
        assert len(found.trajectory.records) == len(published)
        if found.run in embedded():  # a mirror may hold runs that nobody here has seen
            turns += len(published)
            known |= set(found.trajectory.records)
    assert turns == 257
    assert len(known) == 231


def test_published_and_reconstructed_runs_take_the_same_course(fetched: Path) -> None:
    for entry in distinct_conversations():
        published_steps = replay(str(entry.run)).trajectory.steps
        with embedded_only():
            reconstructed_steps = replay(str(entry.run)).trajectory.steps
        courses = [
            [(step.iteration, step.turn, step.trial.architecture, step.accuracy) for step in steps]
            for steps in (published_steps, reconstructed_steps)
        ]
        assert courses[0] == courses[1]


def test_a_changed_character_is_a_miss_that_says_where(fetched: Path) -> None:
    entry = published_run("329M")
    data = read_published(entry)
    assert data is not None
    records = published_records(entry, data)
    told = parse(data, entry.path)
    prompts = prompt_pack(told)
    changed = replace(prompts, closing=prompts.closing.replace("Please", "please", 1))
    run = published(entry, told)
    with pytest.raises(ReplayMiss) as miss:
        perform(run, Client(Cassette(records)), setting(run, "329M", changed))
    message = str(miss.value)
    assert "run 329M, iteration 1, turn 0" in message
    assert "-" in message
    assert "please explain" in message
    assert "Please explain" in message


def test_a_miss_in_the_embedded_prompts_says_where() -> None:
    specified = specification(embedded()["401M"])
    assert specified.model is not None
    prompts = replace(Prompts.of(specified.model.prompt), above="Too much: $macs, $bound, $difference.")
    with pytest.raises(ReplayMiss, match="run 401M, iteration 1, turn 1"):
        perform(specified, Client(cassette.read(cassette_path("401M"))), setting(specified, "401M", prompts))


def test_what_was_told_and_is_not_true_is_computed() -> None:
    errata = {(e.iteration + 1, e.turn, e.what): (e.told, e.true) for e in replay("329M").errata}
    assert errata[2, 2, "FLOPs in millions"] == ("317", "312.203072")
    assert (5, 3, "design listed") in errata
    assert len(errata) == 2
    assert replay("401M").errata == ()


def test_a_false_alarm_is_an_erratum() -> None:
    (erratum,) = replay("epoch_10_input_224").errata
    assert (erratum.what, erratum.told, erratum.true) == ("verdict", "already tested", "accepted")


def test_one_file_published_twice_is_one_run() -> None:
    assert replay("epoch_20_input_196").run == "329M"


def test_an_unknown_run_is_an_error_and_every_published_one_is_embedded() -> None:
    with pytest.raises(UsageError, match="there are 329M"):
        replay("330M")
    assert {entry.run for entry in distinct_conversations()} == embedded().keys()


def _bring(monkeypatch: pytest.MonkeyPatch, content: dict[str, bytes]) -> None:
    """Let these runs be what is fetched."""
    monkeypatch.setattr("reproduce.published.imagenet.read_published", lambda entry: content.get(str(entry.run)))


def test_a_fetched_run_replays_from_its_own_answers_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _bring(monkeypatch, {"329M": _bytes(conversation_made_up())})
    assert replay("329M").tally == Tally(10, 10, 0)
    _bring(monkeypatch, {"401M": _bytes(conversation_made_up(ITERATIONS - 1))})
    assert replay("401M").tally == Tally(8, 8, 0)
    assert not home.exists()  # a command that reads writes nothing


def test_one_run_that_cannot_be_replayed_leaves_the_others_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    untold = [(role, text.replace("accuracy of", "result of")) for role, text in conversation_made_up()]
    for data in (b"{", b"[]", _bytes(untold)):
        _bring(monkeypatch, {"epoch_20_input_128": data})
        report = ITEMS["table4"].report()
        row = next(row for row in report.rows if row[0].value == 128)
        assert {cell.status for cell in row[3:]} == {Status.MISSING}
        assert [note for note in report.notes if "Run epoch_20_input_128 could not be replayed" in note]
        assert len(report.replays) >= 3


def test_the_request_is_all_that_is_known_of_the_body() -> None:
    body = request(specification(embedded()["329M"]), [{"role": "user", "content": "?"}])
    assert body == {
        "model": "gpt-4",
        "messages": [{"role": "user", "content": "?"}],
    }


def test_macs_are_counted_as_genius_counted_them() -> None:
    assert counted_macs(SPACE.name, GENIUS_329) == 329_412_864
    assert counted_macs(SPACE.name, GENIUS_401) == 401_495_296
