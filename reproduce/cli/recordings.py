"""`python -m reproduce recordings`: recorded models searched again, with what became of their answers.

Without a file it shows the recordings that came with the project: small models that run on anybody's machine, held to
the space by the server or left to answer in prose.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np

from harness.protocol import Reason
from harness.text import published as grammar
from harness.text.published import Reading
from reproduce.cli import recording
from reproduce.cli.local_models import MODELS
from reproduce.cli.recording import Recorded, Validity
from reproduce.report.output import add_output_arguments, emit, show
from reproduce.report.report import BLANK, Cell, Column, Report, label, replayed

OPEN, CLOSE = "⟦", "⟧"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `recordings`."""
    parser.add_argument("files", type=Path, nargs="*", metavar="FILE", help="default: those of the project")
    parser.add_argument("--text", action="store_true", help=f"every answer, with what was read {OPEN}so marked{CLOSE}")
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Search again and print.

    Raises:
        CassetteError, ReplayMiss, BrokenRecording: if a recording does not replay.
    """
    paths = args.files or recording.committed()
    runs = [run for path in paths for run in recording.read(path)]
    if args.text:
        emit("".join(map(text, runs)), args.out)
    else:
        show(report(runs), args.format, args.out)
    return 0


def text(run: Recorded) -> str:
    """Every answer of a run with its outcome; the part that a design was read from is marked."""
    lines = [f"== {run.plan.name} =="]
    for step in run.replay.trajectory.steps:
        trial, reply = step.trial, step.trial.proposal.reply or ""
        outcome = f"{trial.accuracy:.2f} %" if trial.accuracy is not None else "no outcome"
        if trial.rejection is not None:
            outcome = f"{trial.rejection.reason.value}: {trial.rejection.detail}"
        reading = grammar.read(run.replay.space, reply)
        if isinstance(reading, Reading):
            start, end = reading.span
            reply = f"{reply[:start]}{OPEN}{reply[start:end]}{CLOSE}{reply[end:]}"
        lines += [f"-- iteration {step.iteration}, turn {step.turn}: {outcome}", reply]
    return "\n".join(lines) + "\n"


def report(runs: Sequence[Recorded]) -> Report:
    """A row for every model, table, way to answer and temperature; reasons that never occurred have no column."""
    groups = list(recording.grouped(runs).items())
    totals = [reduce(add, (run.validity for run in group), Validity()) for _, group in groups]
    reasons = [reason for reason in Reason if any(total.rejected[reason] for total in totals)]
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
    rows = tuple(
        (
            *(label(int(part) if isinstance(part, float) and part.is_integer() else part) for part in name),
            label(len(group)),
            replayed(total.answers),
            replayed(total.answers - total.unread),
            *(replayed(total.rejected[reason]) for reason in reasons),
            replayed(total.evaluated),
            replayed(total.retries),
            _mean([run.replay.trajectory.best.trial.accuracy for run in group if run.selected is not None]),
            _mean([run.test for run in group if run.selected is not None]),
        )
        for (name, group), total in zip(groups, totals, strict=True)
    )
    notes = [
        "An answer that is rejected is told back to the model with the reason, and counts as a proposal.",
        *(_short(name, group) for name, group in groups if any(run.selected is None for run in group)),
        *sorted({f"{run.plan.model}: {_written(run)}" for run in runs}),
    ]
    replays = tuple(run.replay for run in runs)
    return Report("recordings", "Recorded models: what became of their answers", columns, rows, tuple(notes), replays)


def _mean(values: Sequence[float | None]) -> Cell:
    known = [value for value in values if value is not None]
    return replayed(float(np.mean(known)), ".2f") if known else BLANK


def _short(name: tuple[str, str, str, float], group: Sequence[Recorded]) -> str:
    without = sum(run.selected is None for run in group)
    return f"{', '.join(map(str, name))}: in {without} of {len(group)} runs nothing was evaluated"


def _written(run: Recorded) -> str:
    titles = [model.title for model in MODELS.values() if model.sha256 == run.provenance.get("sha256")]
    return "; ".join([*titles, *(f"{key} {value}" for key, value in sorted(run.provenance.items()) if key != "model")])
