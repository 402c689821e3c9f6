"""The audit of the published conversations, and of what is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reproduce.__main__ import main
from reproduce.data import conversations, read_published
from reproduce.published.audit import FED_BACK, as_json, verdict
from reproduce.published.imagenet import embedded, published_run
from tests.reproduce.published.conversations import as_bytes, audited, conversation
from tests.schemas import valid

WINDOW = "Keep the total FLOPS in [270, 330]"
DESIGN = "Stage 1: [{}, 0, 0, 0, 0, 0]\nStage 2: [1, 1, 0, 0, 0, 0]\nStage 3: [4, 4, 4, 0, 0, 0]\nStage 4: [5, 5, 5, 5, 0, 0]\nStage 5: [6, 6, 6, 6, 6, 0]"  # fmt: skip # noqa: E501


@pytest.mark.parametrize(
    ("told", "cost", "expected"),
    [
        (330, 329_500_001, "exact"),
        (330, 330_400_000, "exact"),
        (322, 322_651_392, "truncated"),
        (323, 322_651_392, "exact"),
        (317, 312_203_072, "different"),
        (322.6, 322_651_392, "truncated"),
        (322.7, 322_651_392, "exact"),
    ],
)
def test_a_figure_is_held_against_the_cost_at_its_own_precision(told: float, cost: int, expected: str) -> None:
    assert verdict(told, cost) == expected


def test_every_turn_of_the_published_files_is_classified(fetched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--format", "json"]) == 0
    found = valid(capsys.readouterr().out)
    here = [entry for entry in conversations() if read_published(entry) is not None]
    assert [file["file"] for file in found["files"]] == [entry.path for entry in here]
    for file in found["files"]:
        assert tuple(file["fed_back"]) == FED_BACK
        assert sum(file["fed_back"].values()) == file["assistant_turns"] == len(file["turns"])
        assert file["unparsed"] == sum(turn["architecture"] is None for turn in file["turns"])
    answers = found["total"]["assistant_turns"]
    assert found["replay"] == {"source": "published", "requests": answers, "hits": answers, "misses": 0}


def test_what_the_known_files_hold(fetched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = [str(entry.run) for entry in conversations() if published_run(str(entry.run)).run in embedded()]
    assert main(["audit", *known, "--format", "json"]) == 0
    found = valid(capsys.readouterr().out)
    for file in found["files"]:
        assert file["unparsed"] == 0
        assert file["experiments"]["listed"] == 9
        assert file["flops_table"] == {"entries": 700, "wrong": 0}
        assert file["fed_back"]["none"] == 1  # the tenth iteration has no published result
    total = found["total"]
    assert total["assistant_turns"] == 257
    assert total["fed_back"] == {"exact": 236, "truncated": 3, "different": 3, "already_tested": 4, "none": 11}
    assert total["experiments"] == {"listed": 99, "differ": 6}
    assert total["repeats"] == {"caught": 1, "missed": 0, "false_alarms": 3}
    assert found["replay"] == {"source": "published", "requests": 257, "hits": 257, "misses": 0}


def test_the_text_names_every_finding(fetched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "329M"]) == 0
    text = capsys.readouterr().out
    assert "message 9 (iteration 1, turn 2): 317 M fed back, 312.203 M computed: different" in text
    assert "experiment 5: listed with another design than was proposed" in text
    assert "1.620 M too little" in text


def test_a_conversation_that_nobody_has_seen() -> None:
    experiment = "- Experiment1\n{}\nA total of {} FLOPS. An accuracy of 70.00%.\n\n"
    found = audited(
        [
            ("system", "s"),
            ("user", WINDOW),
            ("assistant", DESIGN.format(6)),
            ("user", "It fails, resulting 354 FLOPS, which is 24 FLOPS higher the upper bound of 330."),
            ("assistant", "I am sorry, I cannot."),
            ("user", "Something that nobody expected."),
            ("assistant", DESIGN.format(1)),
            ("system", "s"),
            ("user", "Before.\n" + experiment.format(DESIGN.format(2), 331) + "After. " + WINDOW),
            ("assistant", DESIGN.format(1)),
        ]
    )
    assert [turn.fed_back for turn in found.turns] == ["exact", "none", "different", "none"]
    assert found.counts()["unparsed"] == 1
    assert found.experiments_differ == (1,)
    assert [turn.repeats for turn in found.turns] == [None, None, None, 1]
    assert found.tally.hits == found.tally.requests == 4
    assert json.loads(as_json([found]))["total"]["assistant_turns"] == 4


def test_a_file_of_ones_own(tmp_path: Path, mirror: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "copy.json"
    path.write_bytes((mirror / "imagenet/chat_history/401M.json").read_bytes())
    assert main(["audit", str(path), "--format", "json"]) == 0
    assert valid(capsys.readouterr().out)["total"]["fed_back"]["exact"] == 16


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "JSON list of messages"),
        (b"[]", "expected answers"),
        (b'[{"role": "system", "content": "s"}, {"role": "user", "content": "?"}]', "expected answers"),
        (
            json.dumps(
                [{"role": r, "content": "?"} for r in ("system", "user", "assistant")],
            ).encode(),
            "FLOPs window",
        ),
    ],
)
def test_what_is_no_conversation(
    content: bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(content)
    assert main(["audit", str(path)]) == 2
    assert message in capsys.readouterr().err


def test_nothing_fetched_and_unknown_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit"]) == 2
    assert "python -m reproduce fetch" in capsys.readouterr().err
    assert main(["audit", "330M"]) == 2
    assert "there are 329M" in capsys.readouterr().err


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_bytes(as_bytes(conversation()))
    bad.write_bytes(b"{")
    assert main(["audit", str(bad), str(good), "--format", "json"]) == 2
    printed = capsys.readouterr()
    found = valid(printed.out)
    assert [file["file"] for file in found["files"]] == [str(good)]
    assert [file["file"] for file in found["not_audited"]] == [str(bad)]
    assert "bad.json: not audited: expected a JSON list of messages" in printed.err
