"""What there is, as data: the same rows as in words, and a command for what is missing or damaged."""

from __future__ import annotations

import pytest

from reproduce.__main__ import main
from reproduce.data import conversations, manifest, path_of
from reproduce.paper.registry import ITEMS
from tests.schemas import valid


def test_the_list_is_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    run = next(entry for entry in manifest() if entry.name == "401M")
    path_of(run).parent.mkdir(parents=True)
    path_of(run).write_bytes(b"damaged")
    assert main(["list", "--format", "json"]) == 0
    rows = {row["name"]["value"]: row for row in valid(capsys.readouterr().out)["rows"]}
    assert {*ITEMS, *(str(entry.run) for entry in conversations()), "nas-bench-macro"} <= {*rows}
    assert rows["401M"]["state"]["value"] == "damaged"
    assert rows["table2"]["state"]["value"] == rows["nas-bench-201-digits"]["state"]["value"] == "at hand"
    assert (rows["table7"]["state"]["value"], rows["nas-bench-macro"]["state"]["value"]) == ("in part", "not at hand")
    for name in ("401M", "nas-bench-macro"):
        assert rows[name]["command"]["value"].startswith("python -m reproduce fetch ")
    assert main(["list"]) == 0
    in_words = capsys.readouterr().out
    assert all(f"  {name} " in in_words for name in rows)


@pytest.mark.parametrize("arguments", [["random"], ["--space", "nas-bench-macro"]])
def test_conformance_is_a_report(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", *arguments, "--format", "json"]) == 0
    found = valid(capsys.readouterr().out)
    assert {row["holds"]["value"] for row in found["rows"]} == {"yes"}
    assert found["notes"] == [f"{len(found['rows'])} of {len(found['rows'])} properties hold"]
