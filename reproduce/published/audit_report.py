"""An audit as text and as JSON: the counts of every file and of all, and every place where something is not right."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from harness.protocol import MILLION
from harness.spaces.mobilenetv2_se import fixed_cost
from reproduce.published.audit import FED_BACK, FileAudit, TurnAudit
from reproduce.report.report import provenance, summary


def total(audits: Sequence[FileAudit]) -> dict[str, Any]:
    """The counts of all files together."""
    counts: dict[str, Any] = _sum([one.counts() for one in audits])
    return counts


def _sum(counts: Sequence[Any]) -> Any:
    if isinstance(counts[0], dict):
        return {key: _sum([count[key] for count in counts]) for key in counts[0]}
    return sum(counts)


def as_json(audits: Sequence[FileAudit], failures: Sequence[tuple[str, str]] = ()) -> str:
    """The counts and every turn of each file, the counts in all, and why the files that failed were not audited."""
    files = [
        {
            "file": one.file,
            **one.counts(),
            "experiments_that_differ": list(one.experiments_differ),
            "figures_changed": {str(number): list(told) for number, told in one.figures_changed},
            "fixed_layers_macs": {"stated": list(one.fixed_macs_stated), "computed": fixed_cost().macs_thop},
            "sent_verbatim_parts": list(one.verbatim),
            "replay_ended": one.miss,
            "turns": [_turn_json(turn) for turn in one.turns],
        }
        for one in audits
    ]
    not_audited = [{"file": file, "reason": reason} for file, reason in failures]
    content = {
        "files": files,
        "total": total(audits),
        "not_audited": not_audited,
        "replay": summary([one.tally for one in audits], ["published"]),
        "provenance": provenance(),
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _turn_json(turn: TurnAudit) -> dict[str, Any]:
    return {
        "message": turn.position,
        "iteration": turn.iteration,
        "turn": turn.turn,
        "architecture": list(turn.design) if turn.design else None,
        "other_designs": turn.other_designs,
        "remarks": turn.remarks,
        "macs": turn.macs,
        "told_m": turn.told,
        "fed_back": turn.fed_back,
        "repeats_experiment": turn.repeats,
        "not_understood": turn.not_understood,
    }


def as_text(audits: Sequence[FileAudit], failures: Sequence[tuple[str, str]] = ()) -> str:
    """A line a file, then every place where something else was told than is true, and the files that failed."""
    head = ("file", "turns", "unparsed", *FED_BACK, "experiments", "differ", "replayed")
    rows = [head]
    for name, counts, tally in [
        *((one.file, one.counts(), f"{one.tally.hits}/{one.tally.requests}") for one in audits),
        ("all", total(audits), ""),
    ]:
        fed_back, experiments = counts["fed_back"].values(), counts["experiments"].values()
        rows.append((name, *map(str, (counts["assistant_turns"], counts["unparsed"], *fed_back, *experiments)), tally))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    for one in audits:
        lines += ["", f"{one.file}:", *(f"  {finding}" for finding in _findings(one))]
    lines += [f"\n{file}: not audited" for file, _ in failures]
    return "\n".join(lines) + "\n"


def _findings(one: FileAudit) -> Iterator[str]:
    for turn in one.turns:
        where = f"message {turn.position} (iteration {turn.iteration}, turn {turn.turn})"
        yield from (f"{where}: {finding}" for finding in _findings_of_turn(turn))
    for number in one.experiments_differ:
        yield f"experiment {number}: listed with another design than was proposed"
    for number, told in one.figures_changed:
        yield f"experiment {number}: listed with figures that change, {', then '.join(told)}"
    several = sum(turn.other_designs > 0 for turn in one.turns)
    remarked = sum(turn.remarks > 0 for turn in one.turns)
    if several or remarked:
        yield (
            f"{several} answers state several designs, of which the last was read; "
            f"{remarked} have lists beside it that make no design, and were not read"
        )
    yield f"FLOPs table of the prompts: {one.table_entries - one.table_wrong} of {one.table_entries} entries exact"
    for stated in one.fixed_macs_stated:
        off = (fixed_cost().macs_thop - stated) / MILLION
        amount = "exactly right" if off == 0 else f"{abs(off):.3f} M too {'little' if off > 0 else 'much'}"
        yield f"layers that are not searched: {stated / MILLION:.3f} M in the prompts, {amount}"
    if one.verbatim:
        yield "sent otherwise than by the file's own templates: " + "; ".join(one.verbatim)
    if one.miss is not None:
        yield f"the replay ended early: {one.miss}".replace("\n", "\n    ")


def _findings_of_turn(turn: TurnAudit) -> Iterator[str]:
    if turn.design is None:
        yield "no design could be read"
    if turn.fed_back in ("truncated", "different") and turn.macs is not None:
        yield f"{turn.told:g} M fed back, {turn.macs / MILLION:.3f} M computed: {turn.fed_back}"
    if turn.fed_back == "already_tested" and turn.repeats is None:
        yield "called already tested, but repeats no experiment"
    if turn.fed_back != "already_tested" and turn.repeats is not None:
        yield f"repeats experiment {turn.repeats}, which was not noticed"
    if turn.not_understood is not None:
        yield f"feedback that was not understood: {turn.not_understood[:200]}"
