"""Courses of anybody's runs: recordings of this project, or a CSV file with a row for each evaluation."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

from harness.protocol import Evaluated
from reproduce import recording
from reproduce.errors import UsageError
from reproduce.paper.feedback.courses import Course
from tables import files

COLUMNS = "run, iteration, told"


def read(path: Path) -> list[Course]:
    """The runs in a file; a recording is performed again.

    A CSV file has at least the columns run, iteration (in which order; gaps and any first number will do) and told (in
    percent, or any figure that is better if higher); a column group tells runs apart that are not to be pooled.

    Raises:
        UsageError: it is a CSV file of another form.
        TableError: it cannot be read.
        what `replay_recording` raises of a recording.
    """
    if files.suffix_of(path) == ".csv":
        return _of_csv(path)
    return [
        Course(
            " ".join(map(str, one.specification.label[:3])),
            one.specification.name,
            f"{path} {number}",
            tuple(step.accuracy for step in one.trajectory.steps if step.accuracy is not None),
        )
        for number, one in enumerate(recording.replay_recording(path))
        if any(isinstance(step.told, Evaluated) for step in one.trajectory.steps)
    ]


def _of_csv(path: Path) -> list[Course]:
    rows = csv.DictReader(io.StringIO(files.content(path).decode("utf-8-sig", "replace")), strict=True)
    runs: dict[tuple[str, str], dict[float, float]] = {}
    try:
        for row in rows:
            told, iteration = float(row["told"]), float(row["iteration"])
            if not (math.isfinite(told) and math.isfinite(iteration)):
                raise ValueError("expected numbers, got one that is not finite")
            run = runs.setdefault((row.get("group") or path.stem, row["run"]), {})
            if iteration in run:
                raise ValueError(f"run {row['run']} has iteration {row['iteration']} twice")
            run[iteration] = told
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        what = f"no column {error}" if isinstance(error, KeyError) else error
        raise UsageError(
            f"{path}, line {rows.line_num}: expected a row for each evaluation with {COLUMNS}, got: {what}; mend it"
        ) from None
    if not runs:
        raise UsageError(f"{path}: expected a row for each evaluation with {COLUMNS}, got none")
    return [
        Course(group, run, f"{path} {run}", tuple(told for _, told in sorted(course.items())))
        for (group, run), course in runs.items()
    ]
