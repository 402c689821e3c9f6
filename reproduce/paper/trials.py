"""Tables 7 to 10: accuracy and rank of each of GENIUS' proposals on NAS-Bench-Macro and Channel-Bench-Macro."""

from __future__ import annotations

from reproduce import benchmarks
from reproduce.benchmarks import Standing
from reproduce.published.replay import ITERATIONS
from reproduce.published.trials import Proposed, published_trials, replay
from reproduce.report import Cell, Column, Report, label, quoted, recomputed

SETTINGS = {
    "table7": "NAS-Bench-Macro, temperature 1",
    "table8": "NAS-Bench-Macro, temperature 0",
    "table9": "Channel-Bench-Macro, ResNet",
    "table10": "Channel-Bench-Macro, MobileNet",
}
"""What each table shows, as its heading and the figures call it."""


def report(name: str) -> Report:
    """Replay every trial, and look up what it proposed."""
    trials = published_trials()[name]
    opened = benchmarks.open_if_at_hand(trials.space)
    replays = replay(trials, opened.table if opened else None)
    columns = [Column("iteration", "T")]
    courses, notes = [], []
    for number, (found, printed) in enumerate(zip(replays, trials.trials, strict=True), start=1):
        columns += [
            Column(f"trial{number}_accuracy", f"Trial {number} (%)", "higher"),
            Column(f"trial{number}_rank", "Rank", "lower"),
        ]
        pairs = [(one, opened.standing(one.architecture) if opened else None) for one in printed]
        courses.append([cells(*pair) for pair in pairs] + [(quoted(None),) * 2] * (ITERATIONS - len(pairs)))
        notes += [
            f"{found.run}, T={iteration}: the paper prints {one.accuracy:.2f} at rank {one.rank}, where the table has "
            f"{truth.test:.2f}"
            for iteration, (one, truth) in enumerate(pairs)
            if truth is not None and contradicts(one, truth)
        ]
    rows = tuple(
        (label(iteration), *(cell for course in courses for cell in course[iteration]))
        for iteration in range(ITERATIONS)
    )
    notes.append("Each architecture is the one at the printed rank; equals are in the order of numpy 1.23's sort.")
    hits = sum(found.tally.hits for found in replays)
    notes.append(f"The loop ran on {hits} answers that were reconstructed from these architectures.")
    if opened is None:
        notes.append(f"Nothing was looked up: `{benchmarks.find(trials.space).brings}` brings the table.")
    else:
        optimum = opened.held_out.optimum
        notes.append(f"Optimum {optimum:.2f}; without a validation accuracy, the search saw test accuracy.")
        notes.append(benchmarks.what_counts(opened))
        if (ranks := benchmarks.network_ranks(opened)) is not None:
            best = [min(trial, key=lambda one: one.rank) for trial in trials.trials]
            keys = ", ".join(str(one.rank) for one in best)
            networks = ", ".join(str(ranks[opened.table.index_of(one.architecture)]) for one in best)
            notes.append(f"The best ranks of the trials, {keys} among architectures, are {networks} among networks.")
    title = f"Table {name[5:]}. {SETTINGS[name]}: accuracy and rank by iteration (arXiv 2304.10970)"
    evidence = benchmarks.evidence(opened)
    return Report(name, title, tuple(columns), rows, tuple(notes), tuple(replays), *evidence)


def contradicts(one: Proposed, truth: Standing) -> bool:
    """Whether the printed accuracy and rank cannot belong to one architecture."""
    return f"{one.accuracy:.2f}" != f"{truth.test:.2f}" or not truth.ties[0] <= one.rank <= truth.ties[1]


def cells(one: Proposed, truth: Standing | None) -> tuple[Cell, Cell]:
    """Accuracy: the table's where there is one and it agrees. Rank: the paper's, since it names the architecture."""
    if truth is None or contradicts(one, truth):
        return quoted(one.accuracy, ".2f"), quoted(one.rank)
    return recomputed(truth.test, ".2f"), quoted(one.rank)
