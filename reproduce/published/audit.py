"""Published conversations held against the cost model, turn by turn, and what was found, as text and as JSON.

For every answer: the design that was read, what it costs, what was fed back, and whether that is exact (the cost
rounded to the printed digits), truncated (rounded down where rounding up was due) or different. For every experiment:
whether the prompts list the design that had been proposed. For every prompt: whether its FLOPs table is the model's.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import PurePath
from typing import Any, Literal, TypeAlias, get_args

import msgspec

from cache.cassette import Cassette
from cache.client import Client, Tally
from cache.errors import ReplayMiss
from cache.record import Record
from genius_replay.console import printable
from harness.protocol import MILLION
from harness.run import Setting, perform
from harness.spaces import counted_macs
from harness.spaces.mobilenetv2_se import LAYERS_PER_STAGE, SPACE, choice_cost, fixed_cost
from harness.specification import Specification
from harness.text import published as grammar
from harness.text.published import Reading
from reproduce.data import Published
from reproduce.published.conversation import Experiment, Iteration, parse
from reproduce.published.imagenet import published, published_records
from reproduce.published.replay import setting
from reproduce.published.wording import prompt_pack
from reproduce.report.escaping import as_json as in_ascii
from reproduce.report.escaping import as_line
from reproduce.report.rendering import aligned
from reproduce.report.report import provenance, summary
from tables.space import Architecture

FedBack: TypeAlias = Literal["exact", "truncated", "different", "already_tested", "none"]
FED_BACK: tuple[FedBack, ...] = get_args(FedBack)

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_FIXED_LAYER = re.compile(rf"defined: True,.*FLOPS: *({_NUMBER.pattern})")
_TABLE_ROW = re.compile(r"flops_stage(\d)_(first|rest) *= *\[([^\]]*)\]")


_IN_JSON = {"position": "message", "design": "architecture", "told": "told_m", "repeats": "repeats_experiment"}


class TurnAudit(msgspec.Struct, frozen=True, rename=_IN_JSON):
    """One assistant turn. `macs` is the computed cost, `told` the figure fed back, in millions as it was written.

    `other_designs` counts the designs that the answer states and then replaces, `remarks` its lists that make
    no design. `repeats` is the number of the earlier experiment that the design repeats; `not_understood`
    is feedback that none of the known ways of speaking explains.
    """

    position: int
    iteration: int
    turn: int
    design: Architecture | None
    other_designs: int
    remarks: int
    macs: int | None
    told: float | None
    fed_back: FedBack
    repeats: int | None
    not_understood: str | None


@dataclass(frozen=True)
class FileAudit:
    """One conversation: every turn, the experiments whose listing differs, and what its prompts say of FLOPs.

    `figures_changed` are the experiments of which later prompts tell other figures than earlier ones, each with all
    that was told. `verbatim` names the parts of requests that the file's own templates do not give; `tally` counts the
    answers that a strict replay brought back in their order, and `miss` says why it ended early, if it did.
    """

    file: str
    turns: tuple[TurnAudit, ...]
    experiments_listed: int
    experiments_differ: tuple[int, ...]
    figures_changed: tuple[tuple[int, tuple[str, ...]], ...]
    table_entries: int
    table_wrong: int
    fixed_macs_stated: tuple[int, ...]
    verbatim: tuple[str, ...]
    tally: Tally
    miss: str | None

    def counts(self) -> dict[str, Any]:
        """What is summed over files."""
        fed_back = Counter(turn.fed_back for turn in self.turns)
        repeated = [turn for turn in self.turns if turn.repeats is not None]
        caught = [turn for turn in repeated if turn.fed_back == "already_tested"]
        return {
            "assistant_turns": len(self.turns),
            "unparsed": sum(turn.design is None for turn in self.turns),
            "several_designs": sum(turn.other_designs > 0 for turn in self.turns),
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


def audit(entry: Published, data: bytes) -> FileAudit:
    """Audit a conversation, and replay it from its own answers.

    Raises:
        MalformedConversation: there is no conversation to take apart.
    """
    told = parse(data, entry.path)
    run, prompts = published(entry, told), prompt_pack(told)
    listed: dict[int, list[Experiment]] = {}  # the listings of each proposal
    for one in told.listings:
        if one.of is not None:
            listed.setdefault(one.of, []).append(one)
    turns: list[TurnAudit] = []
    tested: dict[Architecture | None, int] = {}  # designs, and the numbers of the experiments that first had them
    differ: list[int] = []
    changed: list[tuple[int, tuple[str, ...]]] = []
    for number, iteration in enumerate(told.iterations):
        turns += (_turn(number, n, iteration, tested) for n in range(len(iteration.turns)))
        design = iteration.turns[-1].design
        listings = listed.get(number, [])
        if listings and design is not None:
            tested.setdefault(design, iteration.number)
        if any(one.design != design for one in listings):
            differ.append(iteration.number)
        figures = tuple(dict.fromkeys(f"{one.macs} M, {one.accuracy} %" for one in listings))
        if len(figures) > 1:
            changed.append((iteration.number, figures))
    entries = [right for iteration in told.iterations for right in _table_entries(iteration.statement)]
    also_sent = ((number, f"messages before turn {turn}") for number, turn in prompts.also_sent)
    # What a prompt says that the layers cost which are not searched, in single operations.
    fixed = {round(sum(map(float, _FIXED_LAYER.findall(each.statement))) * MILLION) for each in told.iterations}
    return FileAudit(
        entry.path,
        tuple(turns),
        len(listed),
        tuple(differ),
        tuple(changed),
        len(entries),
        entries.count(False),
        tuple(sorted(fixed)),
        tuple(f"iteration {number}, {part}" for number, part in (*prompts.as_sent, *also_sent)),
        *_replayed(run, setting(run, str(entry.run), prompts), [*published_records(entry, data)]),
    )


def _turn(number: int, turn: int, iteration: Iteration, tested: Mapping[Architecture | None, int]) -> TurnAudit:
    """Hold one turn against the cost model."""
    facts, (position, answer), feedback = iteration.turns[turn], iteration.answers[turn], iteration.said[turn + 1]
    reading = grammar.read(SPACE, answer)
    superseded, remarks = (reading.superseded, reading.remarks) if isinstance(reading, Reading) else ((), ())
    cost = None if facts.design is None else counted_macs(SPACE.name, facts.design)
    fed_back: FedBack = "none"
    if facts.verdict == "repeated":
        fed_back = "already_tested"
    elif facts.macs is not None and cost is not None:
        fed_back = verdict(facts.macs, cost)
    return TurnAudit(
        position,
        number,
        turn,
        facts.design,
        len(superseded),
        len(remarks),
        cost,
        facts.macs,
        fed_back,
        tested.get(facts.design),
        " ".join(feedback) if facts.verdict == "unread" else None,
    )


def _replayed(run: Specification, how: Setting, records: Sequence[Record]) -> tuple[Tally, str | None]:
    """How many answers a strict replay brings back, each where it belongs; and what ended it early."""
    client = Client(Cassette(records))
    miss = None
    try:
        asked = perform(run, client, how).trajectory.records
        hits = sum(key == record.key for key, record in zip(asked, records, strict=False))
    except ReplayMiss as error:
        hits, miss = client.tally.hits, str(error)
    if miss is None and hits < len(records):
        miss = f"the replay brought back {hits} of {len(records)} answers where they belong"
    return Tally(len(records), hits, len(records) - hits), miss


def verdict(told: float, cost: int) -> Literal["exact", "truncated", "different"]:
    """Hold a figure in millions against a cost, at the precision at which the figure is written."""
    digits = len(f"{told:g}".partition(".")[2])
    unit = MILLION / 10**digits
    if round(told * 10**digits) == round(cost / unit):
        return "exact"
    return "truncated" if round(told * 10**digits) == math.floor(cost / unit) else "different"


def _table_entries(statement: str) -> Iterator[bool]:
    """For each entry of the FLOPs table in a prompt: whether it is the cost model's, to the last digit.

    What is no number, is missing or is one too many counts as an entry that is not.
    """
    choices = range(len(SPACE.slots[0].choices))
    for stage, layer, row in _TABLE_ROW.findall(statement):
        position = (int(stage) - 1) * LAYERS_PER_STAGE + (0 if layer == "first" else 1)
        for choice, entry in zip_longest(choices, map(str.strip, row.split(","))):
            known = position in range(len(SPACE.slots)) and choice is not None
            digits = len(entry.partition(".")[2]) if entry and _NUMBER.fullmatch(entry) else None
            yield (
                known
                and digits is not None
                and float(entry) == round(choice_cost(position, choice).macs_thop / MILLION, digits)
            )


# -- as text and as JSON ---


def total(audits: Sequence[FileAudit]) -> dict[str, Any]:
    """The counts of all files together."""
    return dict(_sum([one.counts() for one in audits]))


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
            "turns": msgspec.to_builtins(one.turns),
        }
        for one in audits
    ]
    not_audited = [{"file": file, "reason": reason} for file, reason in failures]
    content = {
        "schema": "urn:genius-replay:audit:1",
        "files": files,
        "total": total(audits),
        "not_audited": not_audited,
        "replay": summary([one.tally for one in audits], ["published"]),
        "provenance": provenance(),
    }
    return in_ascii(content)


def as_text(audits: Sequence[FileAudit], failures: Sequence[tuple[str, str]] = ()) -> str:
    """A line a file, then every place where something else was told than is true, and the files that failed."""
    fed_back = (said.replace("_", " ") for said in FED_BACK)
    head = ("file", "turns", "unparsed", *fed_back, "experiments", "differ", "replayed")
    rows = [head]
    for name, counts, tally in [
        *((as_line(PurePath(one.file).stem), one.counts(), f"{one.tally.hits}/{one.tally.requests}") for one in audits),
        ("all", total(audits), ""),
    ]:
        told, experiments = counts["fed_back"].values(), counts["experiments"].values()
        rows.append((name, *map(str, (counts["assistant_turns"], counts["unparsed"], *told, *experiments)), tally))
    lines = aligned(rows)
    for one in audits:
        lines += ["", f"{as_line(one.file)}:", *(f"  {finding}" for finding in _findings(one))]
    lines += [f"\n{as_line(file)}: not audited" for file, _ in failures]
    return printable("\n".join(lines) + "\n")


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
        yield f"feedback that was not understood: {as_line(turn.not_understood)[:200]}"
