"""What tables 5 and 6 share: quoted results of transfer, with the cost of GENIUS' own backbones computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.spaces.mobilenetv2_se import cost
from reproduce.paper import printed
from reproduce.paper.table2 import RUNS
from reproduce.published.imagenet import replay
from reproduce.published.replay import Replay
from reproduce.report.report import Cell, Column, Report, quoted, quoted_millions, recomputed_millions

COUNTS = {"flops_m": (".0f", "macs_thop"), "params_m": (".1f", "params")}
"""Columns in millions: how they are printed, and the field of `harness.spaces.costs.Cost` that belongs in them."""


def report(
    name: str, title: str, headings: Mapping[str, str], forms: Mapping[str, str], *, embedded_only: bool
) -> Report:
    """The paper's table; the rows of GENIUS-329 and GENIUS-401 take their costs from the replayed winners."""
    paper = printed()[name]
    keys: Sequence[str] = paper["columns"]
    methods = {row[0] for row in paper["rows"]}
    replays = {method: replay(run, embedded_only=embedded_only) for method, run in RUNS.items() if method in methods}
    columns = tuple(Column(key.removesuffix("_m"), headings[key]) for key in keys)
    rows = tuple(
        tuple(_cell(key, value, forms.get(key, ""), replays.get(row[0])) for key, value in zip(keys, row, strict=True))
        for row in paper["rows"]
    )
    return Report(name, title, columns, rows, (), tuple(replays.values()))


def _cell(key: str, value: Any, form: str, found: Replay | None) -> Cell:
    if key not in COUNTS:
        return quoted(value, form)
    form, count = COUNTS[key]
    if found is None:
        return quoted_millions(value, form)
    return recomputed_millions(getattr(cost(found.winner), count), form)
