"""`python -m reproduce audit`: hold the published conversations against the cost model, turn by turn.

For every answer: the design that was read, what it costs, what was fed back, and whether that is exact (the cost
rounded to the printed digits), truncated (rounded down where rounding up was due) or different. For every experiment:
whether the prompts list the design that had been proposed. For every prompt: whether its FLOPs table is the model's.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from cache.cassette import Cassette
from cache.client import Client, Tally
from cache.errors import ReplayMiss
from cache.record import Record
from harness.protocol import MILLION
from harness.space import Architecture
from harness.spaces.mobilenetv2_se import LAYERS_PER_STAGE, choice_cost, fixed_cost
from reproduce.conversation import Conversation
from reproduce.data import Published, conversations, read_published, sha256_of
from reproduce.errors import DataMissing, UsageError
from reproduce.imagenet import conversation, macs, published_records, search
from reproduce.output import emit
from reproduce.report import provenance
from reproduce.transcript import Turn

FedBack: TypeAlias = Literal["exact", "truncated", "different", "already_tested", "none"]
FED_BACK: tuple[FedBack, ...] = ("exact", "truncated", "different", "already_tested", "none")

_FIXED_LAYER = re.compile(r"defined: True,.*FLOPS: *([\d.]+)")
_TABLE_ROW = re.compile(r"flops_stage(\d)_(first|rest) *= *\[([^\]]*)\]")


@dataclass(frozen=True)
class TurnAudit:
    """One assistant turn. `macs` is the computed cost, `told` the figure fed back, in millions as it was written.

    `repeats` is the number of the earlier experiment that the design repeats.
    """

    position: int
    iteration: int
    turn: int
    design: Architecture | None
    macs: int | None
    told: float | None
    fed_back: FedBack
    repeats: int | None


@dataclass(frozen=True)
class FileAudit:
    """One conversation: every turn, the experiments whose listing differs, and what its prompts say of FLOPs.

    `verbatim` names the parts of requests that the file's own templates do not give; `tally` counts the requests that
    were rebuilt and found among its records.
    """

    file: str
    turns: tuple[TurnAudit, ...]
    experiments_listed: int
    experiments_differ: tuple[int, ...]
    table_entries: int
    table_wrong: int
    fixed_macs_stated: tuple[int, ...]
    verbatim: tuple[str, ...]
    tally: Tally

    def counts(self) -> dict[str, Any]:
        """What is summed over files."""
        fed_back = Counter(turn.fed_back for turn in self.turns)
        repeated = [turn for turn in self.turns if turn.repeats is not None]
        caught = [turn for turn in repeated if turn.fed_back == "already_tested"]
        return {
            "assistant_turns": len(self.turns),
            "unparsed": sum(turn.design is None for turn in self.turns),
            "fed_back": {verdict: fed_back[verdict] for verdict in FED_BACK},
            "experiments": {"listed": self.experiments_listed, "differ": len(self.experiments_differ)},
            "repeats": {
                "caught": len(caught),
                "missed": len(repeated) - len(caught),
                "false_alarms": fed_back["already_tested"] - len(caught),
            },
            "flops_table": {"entries": self.table_entries, "wrong": self.table_wrong},
            "sent_verbatim": len(self.verbatim),
        }


def audit(told: Conversation, records: Sequence[Record]) -> FileAudit:
    """Audit a conversation, and replay it from its records."""
    turns: list[TurnAudit] = []
    proposed: list[Architecture | None] = []  # the design that each experiment was made of
    for number, (iteration, facts) in enumerate(zip(told.iterations, told.transcript.iterations, strict=True)):
        for n, (answer, turn) in enumerate(zip(iteration.answers, facts, strict=True)):
            cost = None if turn.design is None else macs(turn.design)
            repeats = proposed.index(turn.design) + 1 if turn.design is not None and turn.design in proposed else None
            fed_back = _fed_back(turn, cost)
            turns.append(TurnAudit(answer.position, number, n, turn.design, cost, turn.macs, fed_back, repeats))
        proposed.append(facts[-1].design)
    listings = [listing for iteration in told.iterations for listing in iteration.experiments.items()]
    listed = sorted({number for number, _ in listings})
    differ = {number for number, listing in listings if listing.design not in proposed[number - 1 : number]}
    entries = [right for iteration in told.iterations for right in _table_entries(iteration.statement)]
    return FileAudit(
        told.transcript.file,
        tuple(turns),
        len(listed),
        tuple(sorted(differ)),
        len(entries),
        entries.count(False),
        tuple(sorted({_fixed_macs(iteration.statement) for iteration in told.iterations})),
        tuple(f"iteration {number}, {part}" for number, part in told.prompts.as_sent),
        _replayed(told, records),
    )


def _replayed(told: Conversation, records: Sequence[Record]) -> Tally:
    """The counts of a strict replay; one that ends with a miss is counted, not raised."""
    client = Client(Cassette(records))
    with contextlib.suppress(ReplayMiss):
        search(told.transcript, told.prompts).perform(client)
    return client.tally


def _fed_back(turn: Turn, cost: int | None) -> FedBack:
    if turn.verdict == "repeated":
        return "already_tested"
    if turn.macs is None or cost is None:
        return "none"
    return verdict(turn.macs, cost)


def verdict(told: float, cost: int) -> Literal["exact", "truncated", "different"]:
    """Hold a figure in millions against a cost, at the precision at which the figure is written."""
    digits = len(f"{told:g}".partition(".")[2])
    unit = MILLION / 10**digits
    if round(told * 10**digits) == round(cost / unit):
        return "exact"
    return "truncated" if round(told * 10**digits) == math.floor(cost / unit) else "different"


def _table_entries(statement: str) -> Iterator[bool]:
    """For each entry of the FLOPs table in a prompt: whether it is the cost model's, to the last digit."""
    for stage, layer, row in _TABLE_ROW.findall(statement):
        position = (int(stage) - 1) * LAYERS_PER_STAGE + (0 if layer == "first" else 1)
        for choice, entry in enumerate(row.split(",")):
            digits = len(entry.strip().partition(".")[2])
            yield float(entry) == round(choice_cost(position, choice).macs_thop / MILLION, digits)


def _fixed_macs(statement: str) -> int:
    """What a prompt says that the layers cost which are not searched, in single operations."""
    return round(sum(float(layer) for layer in _FIXED_LAYER.findall(statement)) * MILLION)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `audit`."""
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="runs such as 329M, or paths of conversations (default: all fetched)"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write here instead of printing")


def run(args: argparse.Namespace) -> int:
    """Audit and print; findings are no failure."""
    audits = []
    for entry, data in _chosen(args.files):
        records = published_records(entry, data)
        audits.append(audit(conversation(entry, records), records))
    emit(as_json(audits) if args.format == "json" else as_text(audits), args.out)
    return 0


def _chosen(names: Sequence[str]) -> Iterator[tuple[Published, bytes]]:
    """The files to audit with their content.

    Raises:
        DataMissing: if nothing has been fetched, or a named run has not.
        UsageError: if a name is neither a run nor a file.
    """
    if not names:
        fetched = [(entry, data) for entry in conversations() if (data := read_published(entry)) is not None]
        if not fetched:
            raise DataMissing(*(entry.name for entry in conversations()), purpose="the audit")
        yield from fetched
    for name in names:
        known = next((entry for entry in conversations() if name in (entry.run, entry.path)), None)
        if known is not None:
            if (data := read_published(known)) is None:
                raise DataMissing(known.name, purpose="its audit")
            yield known, data
        elif Path(name).is_file():
            data = Path(name).read_bytes()
            yield Published(name, name, sha256_of(data), len(data), "conversation", Path(name).stem, 0, None), data
        else:
            runs = ", ".join(str(entry.run) for entry in conversations())
            raise UsageError(f"{name}: expected the path of a conversation or one of the runs {runs}")


def total(audits: Sequence[FileAudit]) -> dict[str, Any]:
    """The counts of all files together."""
    counts: dict[str, Any] = _sum([one.counts() for one in audits])
    return counts


def _sum(counts: Sequence[Any]) -> Any:
    if isinstance(counts[0], dict):
        return {key: _sum([count[key] for count in counts]) for key in counts[0]}
    return sum(counts)


def as_json(audits: Sequence[FileAudit]) -> str:
    """The counts and every turn of each file, and the counts in all."""
    files = [
        {
            "file": one.file,
            **one.counts(),
            "experiments_that_differ": list(one.experiments_differ),
            "fixed_layers_macs": {"stated": list(one.fixed_macs_stated), "computed": fixed_cost().macs_thop},
            "sent_verbatim_parts": list(one.verbatim),
            "turns": [_turn_json(turn) for turn in one.turns],
        }
        for one in audits
    ]
    tallies = [one.tally for one in audits]
    replay = {
        "source": "published",
        "requests": sum(tally.requests for tally in tallies),
        "hits": sum(tally.hits for tally in tallies),
        "misses": sum(tally.misses for tally in tallies),
    }
    content = {"files": files, "total": total(audits), "replay": replay, "provenance": provenance()}
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _turn_json(turn: TurnAudit) -> dict[str, Any]:
    return {
        "message": turn.position,
        "iteration": turn.iteration,
        "turn": turn.turn,
        "architecture": list(turn.design) if turn.design else None,
        "macs": turn.macs,
        "told_m": turn.told,
        "fed_back": turn.fed_back,
        "repeats_experiment": turn.repeats,
    }


def as_text(audits: Sequence[FileAudit]) -> str:
    """A line a file, then every place where something else was told than is true."""
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
    return "\n".join(lines) + "\n"


def _findings(one: FileAudit) -> Iterator[str]:
    for turn in one.turns:
        where = f"message {turn.position} (iteration {turn.iteration}, turn {turn.turn})"
        if turn.design is None:
            yield f"{where}: no design could be read"
        if turn.fed_back in ("truncated", "different") and turn.macs is not None:
            yield f"{where}: {turn.told:g} M fed back, {turn.macs / MILLION:.3f} M computed: {turn.fed_back}"
        if turn.fed_back == "already_tested" and turn.repeats is None:
            yield f"{where}: called already tested, but repeats no experiment"
        if turn.fed_back != "already_tested" and turn.repeats is not None:
            yield f"{where}: repeats experiment {turn.repeats}, which was not noticed"
    for number in one.experiments_differ:
        yield f"experiment {number}: listed with another design than was proposed"
    yield f"FLOPs table of the prompts: {one.table_entries - one.table_wrong} of {one.table_entries} entries exact"
    for stated in one.fixed_macs_stated:
        missing = (fixed_cost().macs_thop - stated) / MILLION
        yield f"layers that are not searched: {stated / MILLION:.3f} M in the prompts, {missing:.3f} M too little"
    if one.verbatim:
        yield "sent otherwise than by the file's own templates: " + "; ".join(one.verbatim)
