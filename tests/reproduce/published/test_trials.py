"""Tables 7 to 10: the trials are replayed, and what is printed is held against the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from cache import cassette
from cache.cassette import Cassette
from harness.protocol import Reason, Rejected
from reproduce import benchmarks
from reproduce.paper.registry import ITEMS
from reproduce.published import trials
from reproduce.published.reconstruct import records_of_trials
from reproduce.published.trials import NAMES, cassette_path, published_trials, replay
from reproduce.report.report import Report, Status
from tests.tables.published_ranks import file_rank

CONTRADICTIONS = {"table7": 4, "table8": 0, "table9": 0, "table10": 1}


def _printed(report: Report) -> list[list[tuple[str, str]]]:
    """Accuracy and rank of each trial, as printed, without the dashes."""
    columns = list(zip(*[[cell.text for cell in row] for row in report.rows], strict=True))[1:]
    return [
        [pair for pair in zip(accuracy, rank, strict=True) if pair[0] != "–"]
        for accuracy, rank in zip(columns[::2], columns[1::2], strict=True)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_cassettes_are_what_the_script_makes_of_the_proposals(name: str) -> None:
    assert cassette.read(cassette_path(name)).digest == Cassette(records_of_trials(published_trials()[name])).digest


@pytest.mark.parametrize("name", NAMES)
def test_the_replay_proposes_what_the_paper_lists(name: str) -> None:
    for found, printed in zip(replay(published_trials()[name]), published_trials()[name].trials, strict=True):
        assert [step.trial.architecture for step in found.trajectory.evaluated] == [one.architecture for one in printed]
        assert found.tally.misses == 0


def test_no_further_improvement_ends_a_trial() -> None:
    lengths = []
    for found in replay(published_trials()["table8"]):
        last = found.trajectory.steps[-1].trial
        ended = isinstance(last, Rejected) and last.rejection.reason is Reason.CONCLUDED
        lengths.append((len(found.trajectory.evaluated), ended))
    assert lengths == [(6, True), (6, True), (10, False)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("at_hand", [False, True])
def test_what_is_printed_equals_the_paper(name: str, at_hand: bool, request: pytest.FixtureRequest) -> None:
    if at_hand:
        request.getfixturevalue("fetched")
    assert _printed(ITEMS[name].report()) == [
        [(f"{one.accuracy:.2f}", str(one.rank)) for one in trial] for trial in published_trials()[name].trials
    ]


@pytest.mark.parametrize("name", NAMES)
def test_what_agrees_is_looked_up_and_what_contradicts_is_shown(name: str, fetched: Path) -> None:
    report = ITEMS[name].report()
    pairs = sum(map(len, published_trials()[name].trials))
    looked_up = sum(cell.status is Status.RECOMPUTED for row in report.rows for cell in row)
    assert looked_up == pairs - CONTRADICTIONS[name]
    assert sum("the paper prints" in note for note in report.notes) == CONTRADICTIONS[name]
    opened = benchmarks.open_benchmark(published_trials()[name].space)
    errata = [erratum for found in replay(published_trials()[name], opened.table) for erratum in found.errata]
    assert len([erratum for erratum in errata if erratum.what == "accuracy"]) == CONTRADICTIONS[name]
    assert report.tables


@pytest.mark.parametrize("name", NAMES)
def test_without_the_table_the_report_says_what_brings_it(name: str) -> None:
    report = ITEMS[name].report()
    assert all(cell.status is Status.QUOTED for row in report.rows for cell in row[1:])
    assert any("python -m reproduce fetch" in note for note in report.notes)


def test_temperatures_keep_the_requests_apart() -> None:
    keys = [set(cassette.read(trials.cassette_path(name))) for name in ("table7", "table8")]
    assert not keys[0] & keys[1]


@pytest.mark.parametrize("name", NAMES)
def test_the_architectures_are_those_at_the_printed_ranks(name: str, fetched: Path) -> None:
    space = published_trials()[name].space
    table, rank = benchmarks.open_benchmark(space).table, file_rank(benchmarks.table_path(space))
    for trial in published_trials()[name].trials:
        for one in trial:
            assert rank[table.index_of(one.architecture)] == one.rank


@pytest.mark.parametrize(
    ("name", "architectures", "networks"),
    [("table8", "8, 27, 61", "7, 22, 46"), ("table7", "19, 50, 65", "14, 37, 49")],
)
def test_ranks_among_networks(fetched: Path, name: str, architectures: str, networks: str) -> None:  # d7
    notes = ITEMS[name].report().notes
    assert f"The best ranks of the trials, {architectures} among architectures, are {networks} among networks." in notes
    assert any("6,561 architectures (keys), which are 3,969 networks" in note for note in notes)
