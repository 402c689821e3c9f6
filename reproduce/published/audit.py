"""One published conversation held against the cost model, turn by turn.

For every answer: the design that was read, what it costs, what was fed back, and whether that is exact (the cost
rounded to the printed digits), truncated (rounded down where rounding up was due) or different. For every experiment:
whether the prompts list the design that had been proposed. For every prompt: whether its FLOPs table is the model's.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal, TypeAlias

from cache.cassette import Cassette
from cache.client import Client, Tally
from cache.errors import ReplayMiss
from cache.record import Record
from harness.protocol import MILLION
from harness.run import perform
from harness.spaces.mobilenetv2_se import LAYERS_PER_STAGE, SPACE, choice_cost
from harness.text import published as grammar
from harness.text.published import Reading
from reproduce.published.conversation import Conversation
from reproduce.published.dialogue import Answer, Experiment
from reproduce.published.imagenet import macs, setting, specification
from reproduce.published.transcript import Turn
from tables.space import Architecture

FedBack: TypeAlias = Literal["exact", "truncated", "different", "already_tested", "none"]
FED_BACK: tuple[FedBack, ...] = ("exact", "truncated", "different", "already_tested", "none")

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_FIXED_LAYER = re.compile(rf"defined: True,.*FLOPS: *({_NUMBER.pattern})")
_TABLE_ROW = re.compile(r"flops_stage(\d)_(first|rest) *= *\[([^\]]*)\]")


@dataclass(frozen=True)
class TurnAudit:
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


def audit(told: Conversation, records: Sequence[Record]) -> FileAudit:
    """Audit a conversation, and replay it from its records."""
    turns: list[TurnAudit] = []
    tested: dict[Architecture, int] = {}  # designs, and the numbers of the experiments that first had them
    listed = {listing.of for listing in told.listings if listing.of is not None}
    for number, (iteration, facts) in enumerate(zip(told.iterations, told.transcript.iterations, strict=True)):
        for n, (answer, turn) in enumerate(zip(iteration.answers, facts, strict=True)):
            turns.append(_turn(number, n, answer, turn, tested.get(turn.design) if turn.design else None))
        if number in listed and facts[-1].design is not None:
            tested.setdefault(facts[-1].design, iteration.number)
    differ = {
        one.of
        for one in told.listings
        if one.of is not None and one.design != told.transcript.iterations[one.of][-1].design
    }
    figures = {of: _figures([one for one in told.listings if one.of == of]) for of in sorted(listed)}
    entries = [right for iteration in told.iterations for right in _table_entries(iteration.statement)]
    also_sent = ((number, f"messages before turn {turn}") for number, turn in told.prompts.also_sent)
    return FileAudit(
        told.transcript.file,
        tuple(turns),
        len(listed),
        tuple(told.iterations[of].number for of in sorted(differ)),
        tuple((told.iterations[of].number, several) for of, several in figures.items() if len(several) > 1),
        len(entries),
        entries.count(False),
        tuple(sorted({_fixed_macs(iteration.statement) for iteration in told.iterations})),
        tuple(f"iteration {number}, {part}" for number, part in (*told.prompts.as_sent, *also_sent)),
        *_replayed(told, records),
    )


def _turn(iteration: int, turn: int, answer: Answer, facts: Turn, repeats: int | None) -> TurnAudit:
    """Hold one turn against the cost model."""
    reading = grammar.read(SPACE, answer.text)
    superseded, remarks = (reading.superseded, reading.remarks) if isinstance(reading, Reading) else ((), ())
    cost = None if facts.design is None else macs(facts.design)
    return TurnAudit(
        answer.position,
        iteration,
        turn,
        facts.design,
        len(superseded),
        len(remarks),
        cost,
        facts.macs,
        _fed_back(facts, cost),
        repeats,
        " ".join(answer.feedback) if facts.verdict == "unread" else None,
    )


def _figures(listings: Sequence[Experiment]) -> tuple[str, ...]:
    """The different figures that are told of one experiment, in the order in which they are."""
    told = (f"{listing.macs} M, {listing.accuracy} %" for listing in listings)
    return tuple(dict.fromkeys(told))


def _replayed(told: Conversation, records: Sequence[Record]) -> tuple[Tally, str | None]:
    """How many answers a strict replay brings back, each where it belongs; and what ended it early."""
    client = Client(Cassette(records))
    run = specification(told.transcript), setting(told.transcript, told.prompts)
    miss = None
    try:
        asked = perform(run[0], client, run[1]).trajectory.records
        hits = sum(key == record.key for key, record in zip(asked, records, strict=False))
    except ReplayMiss as error:
        hits, miss = client.tally.hits, str(error)
    if miss is None and hits < len(records):
        miss = f"the replay brought back {hits} of {len(records)} answers where they belong"
    return Tally(len(records), hits, len(records) - hits), miss


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


def _fixed_macs(statement: str) -> int:
    """What a prompt says that the layers cost which are not searched, in single operations."""
    return round(sum(float(layer) for layer in _FIXED_LAYER.findall(statement)) * MILLION)
