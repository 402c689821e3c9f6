"""`python -m reproduce recordings`: recorded runs of models, with what became of their answers.

Without a file it shows the recordings that came with the project: small models that run on anybody's machine, held to
the space by the server or left to answer in prose. What is printed stands in the records of the runs; `check`, and
`--text`, perform them again.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness.protocol import Evaluated, Reason, Rejected, Rejection
from harness.run import Run
from harness.specification import Label
from reproduce import runs
from reproduce.cli.serve import MODELS
from reproduce.report.output import add_output_arguments, emit, show
from reproduce.report.report import BLANK, Cell, Column, Report, label, recorded
from reproduce.runs import Recorded

OPEN, CLOSE = "⟦", "⟧"
UNREAD = (Reason.NOTHING_FOUND, Reason.WRONG_LENGTH, Reason.UNKNOWN_CHOICE, Reason.AMBIGUOUS, Reason.REFUSED)
"""Why no design was found in an answer."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `recordings`."""
    parser.add_argument("files", type=Path, nargs="*", metavar="FILE", help="default: those of the project")
    parser.add_argument("--text", action="store_true", help=f"every answer, with what was read {OPEN}so marked{CLOSE}")
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print what the recordings say.

    Raises:
        CacheError, BrokenRecording: if a recording is damaged.
        ReplayMiss: with `--text`, if it does not replay.
    """
    paths = args.files or runs.committed()
    if args.text:
        emit("".join(text(each) for path in paths for each in runs.again(path)), args.out)
    else:
        show(report([each for path in paths for each in runs.read(path)]), args.format, args.out)
    return 0


def text(run: Run) -> str:
    """Every answer of a run with its outcome; the part that a design was read from is marked."""
    lines = [f"== {run.specification.name} =="]
    for step in run.trajectory.steps:
        trial, reply = step.trial, step.trial.proposal.reply or ""
        outcome = f"{trial.accuracy:.2f} %" if isinstance(trial, Evaluated) else "no outcome"
        if isinstance(trial, Rejected):
            outcome = f"{trial.rejection.reason.value}: {trial.rejection.detail}"
        reading = run.setting.reader(run.setting.space, reply)
        if not isinstance(reading, Rejection):
            start, end = reading.span
            reply = f"{reply[:start]}{OPEN}{reply[start:end]}{CLOSE}{reply[end:]}"
        lines += [f"-- iteration {step.iteration}, turn {step.turn}: {outcome}", reply]
    return "\n".join(lines) + "\n"


def report(found: Sequence[Recorded]) -> Report:
    """A row for every model, table, way to answer and temperature; reasons that never occurred have no column."""
    groups = runs.pooled(found)
    reasons = [reason for reason in Reason if any(reason.value in one.ended.rejected for one in found)]
    columns = (
        Column("model", "Model"),
        Column("table", "Table"),
        Column("answers_mode", "Answers are"),
        Column("temperature", "Temperature"),
        Column("runs", "Runs"),
        Column("answers", "Answers"),
        Column("read", "Read"),
        *(Column(reason.name.lower(), reason.value.capitalize()) for reason in reasons),
        Column("evaluated", "Evaluated"),
        Column("retries", "Retries"),
        Column("best", "Best told (%), mean"),
        Column("test", "Its test (%), mean"),
    )
    rows = tuple(_row(name, group, reasons) for name, group in groups.items())
    notes = [
        "An answer that is rejected is told back to the model with the reason, and counts as a proposal.",
        *(_without(name, group) for name, group in groups.items() if any(one.ended.selected is None for one in group)),
        *sorted({f"{one.specification.label.model}: {_written(one)}" for one in found}),
    ]
    return Report("recordings", "Recorded models: what became of their answers", columns, rows, tuple(notes))


def _row(name: Label, group: Sequence[Recorded], reasons: Sequence[Reason]) -> tuple[Cell, ...]:
    ended = [one.ended for one in group]
    rejected = {reason: sum(one.rejected.get(reason.value, 0) for one in ended) for reason in Reason}
    answers = sum(one.answers for one in ended)
    return (
        *(label(int(part) if isinstance(part, float) and part.is_integer() else part) for part in name),
        label(len(group)),
        recorded(answers),
        recorded(answers - sum(rejected[reason] for reason in UNREAD)),
        *(recorded(rejected[reason]) for reason in reasons),
        recorded(sum(one.evaluated for one in ended)),
        recorded(sum(one.attempts for one in ended) - answers),
        _mean([one.told for one in ended]),
        _mean([one.test for one in ended]),
    )


def _mean(values: Sequence[float | None]) -> Cell:
    known = [value for value in values if value is not None]
    return recorded(float(np.mean(known)), ".2f") if known else BLANK


def _without(name: Label, group: Sequence[Recorded]) -> str:
    without = sum(one.ended.selected is None for one in group)
    return f"{', '.join(map(str, name))}: in {without} of {len(group)} runs nothing was evaluated"


def _written(one: Recorded) -> str:
    said = one.provenance
    titles = [m.title for m in MODELS.values() if said.get("sha256") == m.sha256 or said.get("model") == m.identifier]
    name = one.specification.label.model
    facts = (f"{key} {value}" for key, value in sorted(said.items()) if (key, value) != ("model", name))
    return "; ".join([*titles, *facts])
