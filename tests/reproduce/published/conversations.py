"""A made-up conversation in the form of the published ones, to be edited as a person's slips would.

Five iterations of two answers each: the first is told to be above the window, the second is listed as an experiment in
every later statement. All told figures are true; nothing is told of the last answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from cache.record import Record
from harness.protocol import in_millions
from harness.spaces.mobilenetv2_se import SPACE, cost
from harness.text import notation
from reproduce.data import Published
from reproduce.published import imagenet
from reproduce.published.audit import FileAudit, audit
from reproduce.published.conversation import Conversation, parse
from tables.space import Architecture

Messages = list[tuple[str, str]]
Edit = Callable[[Messages], Messages]

ITERATIONS = 5
PROBLEM = "Choose operations for thirty layers."
WINDOW = "Keep the total FLOPS of the model in [270, 330]."


def design(iteration: int, turn: int) -> Architecture:
    """The design of an answer; all differ."""
    return (4 - 3 * turn, iteration, *(1, 0, 1, 0) * 7)


def told(architecture: Architecture) -> int:
    """The true figure, in millions."""
    return in_millions(cost(architecture).macs_thop)


def experiment(number: int, *, heading: str = "- Experiment{}\n", architecture: Architecture | None = None) -> str:
    """How statements list the experiment of iteration `number - 1`."""
    tested = architecture or design(number - 1, 1)
    return (
        heading.format(number)
        + notation.write(SPACE, tested)
        + f"\nIt stays inside with a total of {told(tested)} FLOPS. It reached an accuracy of 7{number}.39%.\n\n"
    )


def feedback(iteration: int) -> str:
    """What the first answer of an iteration is told."""
    macs = told(design(iteration, 0))
    return f"It is too costly, resulting {macs} FLOPS, which is {macs - 330} FLOPS higher the upper bound of 330."


def statement(experiments: Sequence[str]) -> str:
    """The problem, with what was tested so far."""
    if not experiments:
        return f"{PROBLEM}\nThink first. {WINDOW}"
    return f"{PROBLEM}\nTested so far:\n{''.join(experiments)}Now choose anew. {WINDOW}\nSurprise me."


def iteration(number: int, experiments: Sequence[str] | None = None) -> Messages:
    """One iteration; `experiments` are those that its statement lists, if not all before it."""
    listed = [experiment(n) for n in range(1, number + 1)] if experiments is None else experiments
    return [
        ("system", "You know networks."),
        ("user", statement(listed)),
        ("assistant", answer(number, 0)),
        ("user", feedback(number)),
        ("assistant", answer(number, 1)),
    ]


def answer(iteration: int, turn: int) -> str:
    """A proposal."""
    return "I suggest:\n" + notation.write(SPACE, design(iteration, turn)) + "\nIt is balanced."


def conversation(iterations: int = ITERATIONS) -> Messages:
    """The whole file."""
    return [message for number in range(iterations) for message in iteration(number)]


def as_bytes(messages: Messages) -> bytes:
    """The file as it would be fetched."""
    return json.dumps([{"role": role, "content": content} for role, content in messages]).encode()


def replacing(old: str, new: str, *, first_only: bool = False) -> Edit:
    """Replace a text wherever a user says it, or only in the first message that has it."""

    def edit(messages: Messages) -> Messages:
        places = [n for n, (role, text) in enumerate(messages) if role == "user" and old in text]
        assert places, f"nothing says {old!r}"
        for n in places[:1] if first_only else places:
            messages[n] = "user", messages[n][1].replace(old, new)
        return messages

    return edit


def listing(experiments: Callable[[int], Sequence[str]]) -> Edit:
    """State other experiments: those that are given for each iteration."""
    return lambda _: [message for number in range(ITERATIONS) for message in iteration(number, experiments(number))]


_ENTRY = Published("made/up.json", "", "", "up", 0)


def records(messages: Messages) -> list[Record]:
    """The answers of a file."""
    return [*imagenet.published_records(_ENTRY, as_bytes(messages))]


def taken_apart(messages: Messages) -> Conversation:
    """A file, taken apart."""
    return parse(as_bytes(messages), _ENTRY.path)


def audited(messages: Messages) -> FileAudit:
    """The audit of a file."""
    return audit(_ENTRY, as_bytes(messages))
