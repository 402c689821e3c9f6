"""Prompts of one's own, and the plain one: they say what they are to say, and whatever names hold stays text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

import pytest

import reproduce
from harness.spaces import mobilenetv2_se, nas_bench_macro
from reproduce import runs
from reproduce.__main__ import main
from reproduce.searching.protocols import protocol
from tables.space import Group, Slot, Space

ODD = ("$8", "$design", "100 %", "${x}", "$$")
SPACE = Space("odd", "Odd $names", (Group("A", (Slot("Rate $n", ODD), Slot("B", ODD))), Group("C", (Slot("C", ODD),))))
PLAIN = resources.files("baselines.prompts").joinpath("plain.md").read_text("utf-8")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "odd.csv"
    rows = (f"[{n // 25}, {n // 5 % 5}, {n % 5}]" for n in range(125))
    path.write_text("architecture,accuracy\n" + "".join(f'"{row}",{20 + n / 2}\n' for n, row in enumerate(rows)))
    return path


def said_to(prompt: str | Path, table: Path, budget: int = 3) -> str:
    """All that a model is told that first repeats itself."""
    answers = iter(
        ["Design: [0, 1, 9]", "Design: [0, 1, 2]", "Design: [0, 1, 2]", *[f"Design: [1, {n}, 3]" for n in "01234"]]
    )
    heard: list[Sequence[Mapping[str, str]]] = []

    def model(messages: Sequence[Mapping[str, str]]) -> str:
        heard.append(messages)
        return next(answers)

    reproduce.search(model="made-up", complete=model, space=SPACE, table=table, budget=budget, prompt=prompt)
    return "\n".join(message["content"] for messages in heard for message in messages)


@pytest.mark.parametrize("prompt", ["", "plain"])
def test_the_plain_statement_says_what_is_declared(prompt: str, table: Path) -> None:
    said = said_to(prompt, table)
    assert 'Find a design for the search space "Odd $names"' in said
    assert "A design has 3 parts" in said
    assert "1. Rate $n: 0 = $8, 1 = $design, 2 = 100 %, 3 = ${x}, 4 = $$\n2. B:" in said
    assert "the accuracy in percent on odd. At most 3 designs are measured." in said
    assert "Experiment 1\n[0, 1, 2]\nAccuracy: 23.50 %" in said
    assert "This design has been tested already." in said


def test_the_plain_statement_is_there_for_every_space_and_vocabulary() -> None:
    assert "1. Layer 1: 0 = identity, 1 = " in runs.wording(nas_bench_macro.SPACE, "free", prompt="plain").problem
    named = runs.wording(nas_bench_macro.SPACE, "free", prompt="plain", how=protocol("vocabulary=names"))
    assert "1. Layer 1: identity, " in named.problem
    windowed = runs.wording(mobilenetv2_se.SPACE, "free", (270, 330), prompt="plain")
    assert "as possible. It has to cost from 270 to 330 million multiply-accumulates." in windowed.problem
    assert "$" not in re.sub(r"\$(macs|difference|bound)", "", windowed.above + windowed.below)


def test_a_file_of_one_s_own_is_said_and_kept(table: Path, tmp_path: Path) -> None:
    own = tmp_path / "mine.md"
    own.write_text(
        PLAIN.replace("You choose designs", "You pay $$5 of $title").replace("Experiment $number", "$$$number")
    )
    said = said_to(own, table)
    assert "You pay $5 of Odd $names" in said
    assert "$1\n[0, 1, 2]" in said


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("## closing", "## cloosing", r"another \(expected the parts closing, .* perhaps above, .*, got .*, cloosing"),
        ("## closing", "## opening", r"expected the parts .*, each once, .*, got .*, opening, opening"),
        ("$slots", "$slotz", r"problem: expected of .*\$slots, .*, and \$\$ for a dollar, got \$slotz"),
        ("Accuracy: $accuracy %", "Worth: $5", r"experiment: expected of .*\$accuracy.*for a dollar, got \$\)"),
        ("No design could", "$design: no design could", r"unreadable: expected of .*, got \$design"),
        ("## system", "", r"expected the parts"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(
    old: str, new: str, says: str, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "mine.md"
    own.write_text(PLAIN.replace(old, new))
    with pytest.raises(reproduce.UsageError, match=says):
        said_to(own, table)
    command = ["search", "--model", "m", "--space", "nas-bench-macro", "--table", str(table), "--prompt", str(own)]
    assert main(command) == 2


@pytest.mark.parametrize("name", ["plian", "folder", "bytes.md"])
def test_what_is_no_file_is_told(name: str, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("bytes.md").write_bytes(b"\xff\xfe")
    with pytest.raises(reproduce.UsageError, match=f"{name}: expected as the prompt plain, published, or a file with"):
        said_to(name, table)
