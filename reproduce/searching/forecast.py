"""What it will take to ask models: from the prompts themselves and from earlier answers; nothing is sent.

At most: no run proposes more often than its budget allows; a token stands for one byte or more, so no prompt has more
tokens than its request has bytes, beside what the server's template adds; no answer has more than its request allows,
and rejected ones stay in the prompt. Probably: every design takes as many answers as earlier ones of the model did, and
bytes and answers take as many tokens.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf, isfinite, nan
from typing import NamedTuple

from cache.cassette import Cassette
from cache.client import Client, Provider, Queue, Records, Reply, Request, Shelf
from cache.errors import CacheError
from cache.key import canonical
from cache.provider.limits import TEMPLATE, Limits, Price, Usage, allowed, prompt_bound, usage_of
from cache.record import PAID, Record
from harness.loop import Step
from harness.protocol import Completion, Evaluated, Message, Proposal, Reason, Rejected, Rejection
from harness.run import Setting, perform, request
from harness.specification import RUN, Ended, Specification
from reproduce.recording import labelled
from reproduce.report import BLANK, Cell, Column, Report, headed, label, recomputed

TOKENS_A_BYTE = 0.25  # of a prompt in English, where there is no earlier answer
DETAIL = "x" * 200  # of a rejection that is told


class Earlier(NamedTuple):
    """What earlier answers of a model took.

    Attributes: tokens a byte of their prompts; tokens of an answer, nan if none is known; answers an evaluated design.
    """

    rate: float
    tokens: float
    answers: float

    @classmethod
    def of(cls, model: str, records: Iterable[Record]) -> Earlier:
        """What the records of a model say."""
        used, length, answered, evaluated = list[Usage](), 0, 0, 0
        for record in records:
            if record.kind in PAID and record.request.get("model") == model and (usage := usage_of(record.answer)):
                used.append(usage)
                length += prompt_bound(record.request)
            elif record.kind == RUN and (asked := Specification.of(record).model) and asked.name == model:
                ended = Ended.of(record)
                answered, evaluated = answered + ended.answers, evaluated + ended.evaluated
        prompts, tokens = sum(each.prompt for each in used), sum(each.tokens for each in used)
        rate, answers = prompts / length if prompts else TOKENS_A_BYTE, answered / evaluated if evaluated else 1.0
        return cls(rate, (tokens - prompts) / len(used) if used else nan, max(1.0, answers))


class Ahead(NamedTuple):
    """What runs will take, probably and at most; nan where it is not known, inf where nothing bounds it."""

    requests: float = 0
    requests_at_most: float = 0
    tokens: float = 0
    tokens_at_most: float = 0
    cost: float = 0
    cost_at_most: float = 0


def ahead(
    planned: Sequence[Specification],
    kept: Sequence[Records],
    earlier: Iterable[Record],
    providers: Mapping[str, Provider | Queue],
    setting: Callable[[Specification], Setting],
    limits: Limits,
) -> list[Ahead]:
    """What every run will take that is planned.

    Args:
        planned: the runs.
        kept: where answers are that will not be asked for.
        earlier: records of answers of whatever problem.
        providers: of all that asks no model.
        setting: the values that a run names.
        limits: with the prices.
    """
    records, known, sizes = [*earlier], dict[str, Earlier](), dict[bytes, tuple[list[int], int]]()
    client = Client(Shelf([*kept, new := Cassette()], new), {**dict.fromkeys(PAID, _refuse), **providers})
    found = []
    for one in planned:
        assert one.model is not None
        values, name = setting(one), one.model.name
        if (shared := canonical(one.shared)) not in sizes:
            sizes[shared] = _prompts(one, values)
        if name not in known:
            known[name] = Earlier.of(name, records)
        steps, price = list[Step](), limits.prices.get(name, Price(nan, nan))
        try:
            over = not perform(one, client, values, wait=False, after=steps.append).missing
        except _Unasked:
            over = False
        found.append(Ahead() if over else _left(one, steps, *sizes[shared], known[name], price))
    return found


class _Unasked(CacheError):
    """An answer that is not there."""


def _refuse(_: Request) -> Reply:
    raise _Unasked


def _prompts(one: Specification, setting: Setting) -> tuple[list[int], int]:
    """The bytes of the requests of a run whose every design is accepted; and what a rejection adds to them."""
    sizes, draws = list[int](), random.Random(0)

    def complete(messages: Sequence[Message]) -> Completion:
        sizes.append(prompt_bound(request(one, messages)))
        return Completion(setting.space.to_native(setting.space.sample(draws)), "")

    optimizer = setting.optimizer(complete)
    for number in range(one.budget.designs):
        started = number < len(one.start)
        proposal = Proposal(setting.space.from_native(one.start[number])) if started else optimizer.ask()
        design = proposal.architecture or setting.space.sample(draws)
        optimizer.tell(Evaluated(proposal, design, setting.macs(design), 50.0))
    for _ in range(2):
        optimizer.tell(Rejected(optimizer.ask(), Rejection(Reason.NOTHING_FOUND, DETAIL)))
    return sizes[:-1], sizes[-1] - sizes[-2]


def _left(
    one: Specification, steps: Sequence[Step], sizes: Sequence[int], told: int, earlier: Earlier, price: Price
) -> Ahead:
    """What a run that has come so far will take; `told` are the bytes that a rejection adds to a request."""
    length = allowed(one.model.parameters if one.model else {})
    longest = inf if length is None else length
    most = one.budget.most_proposals - max(len(steps), len(one.start))
    accepted = max(0, sum(step.accuracy is not None for step in steps) - len(one.start))
    prompts = sizes[accepted:-1] or sizes[-1:]
    count = min(most, len(prompts) * earlier.answers)
    answer = min(longest, earlier.tokens) if isfinite(earlier.tokens) else nan if length is None else length
    probably = count * sum(prompts) / len(prompts) * earlier.rate, count * answer
    rejected = sum(len(steps) + number for number in range(most))  # answers that the prompts of all requests hold
    at_most = most * (max(sizes) + TEMPLATE) + rejected * (told + longest), most * longest
    costs = ((price.prompt * prompt + price.completion * said) / 1e6 for prompt, said in (probably, at_most))
    return Ahead(count, most, sum(probably), sum(at_most), *costs)


def report(planned: Sequence[Specification], found: Sequence[Ahead], limits: Limits) -> Report:
    """A row for each model, table and temperature, and one for all."""
    groups: dict[tuple[Cell, ...], list[Ahead]] = {}
    for one, each in zip(planned, found, strict=True):
        groups.setdefault(labelled(one.label), []).append(each)
    rows = [(*name, *_cells(each)) for name, each in groups.items()]
    every = (label("all"), *[BLANK] * 3, *_cells(found))
    heads = ("Runs", "Requests, probably", "at most", "Tokens, probably", "at most", "Money, probably", "at most")
    columns = (
        *headed("model", "table"),
        *(Column("answers_mode", "Answers are"), Column("temperature", "Temperature")),
        *(Column(key, title) for key, title in zip(("runs", *Ahead._fields), heads, strict=True)),
    )
    notes = [
        "Nothing was sent. What is kept already is not counted, nor are attempts that fail and are sent again.",
        "At most: every run proposes as often as its budget allows; a byte of a request is a token, "
        f"and {TEMPLATE} more are the server's template; answers are as long as max_tokens allows, without which "
        "nothing bounds them.",
        "Probably: as earlier answers of the model were; without any, every design is accepted at once, four bytes of "
        "a request are a token, and answers are as long as they may be. Money is by --prices.",
    ]
    return Report("search", "What asking will take", columns, (*rows, every), (*notes, *over(found, limits)))


def over(found: Sequence[Ahead], limits: Limits) -> list[str]:
    """Which ceilings the runs will reach, probably or perhaps."""
    total, said = _total(found), []
    for name, ceiling in (("requests", limits.calls), ("tokens", limits.tokens), ("cost", limits.cost)):
        probably, at_most = getattr(total, name), getattr(total, f"{name}_at_most")
        if ceiling is not None and not at_most <= ceiling:
            much, end = f"Probably {probably:,.6g}", "will end there"
            if not probably > ceiling:
                much = f"At most {at_most:,.6g}" if at_most < inf else "No one knows how many"
                end = "may end there"
            what = "in money is" if name == "cost" else f"{name} are"
            said.append(
                f"{much} {what} still to come, and the ceiling is {ceiling:g}: the search {end}, and goes on when it "
                "is given again."
            )
    return said


def _total(found: Sequence[Ahead]) -> Ahead:
    return Ahead(*map(sum, zip(*found, strict=True)))


def _cells(found: Sequence[Ahead]) -> list[Cell]:
    """How many runs there are, and what they will take together."""
    forms = (*[",.0f"] * 4, ".4f", ".4f")
    cells = (recomputed(n, form) if isfinite(n) else BLANK for n, form in zip(_total(found), forms, strict=True))
    return [label(len(found)), *cells]
