"""GENIUS (Zheng et al. 2023, "Can GPT-4 Perform Neural Architecture Search?", arXiv 2304.10970).

Algorithm 1 of the paper, with a language model as the optimiser. A problem statement opens the first iteration; every
later one starts a new conversation that lists all experiments so far with their accuracy; within an iteration a design
that misses the FLOPs window, or was tested before, is told so and revised. The optimiser is handed a `complete`
function and knows of no client.

GENIUS' other set-ups talk otherwise: in one conversation that grows, of the last experiment alone, in channel counts.
How this one talks is said in the fields of its wording, which are those of a run's protocol.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import resources
from itertools import islice
from string import Template
from typing import Any

from genius_replay.showing import brief
from harness.protocol import (
    Complete,
    Evaluated,
    Message,
    Method,
    Proposal,
    Reason,
    Rejected,
    Trial,
    UnfitMethod,
    in_millions,
)
from tables.space import Architecture, Space

WITHOUT_ACCURACY = {
    Reason.UNMEASURED: "This design could not be trained to an end, so it has no accuracy. Propose another one.",
    Reason.NO_FIGURE: "This design is not among those that can be measured. Propose another one.",
}


@dataclass(frozen=True)
class Prompts:
    """The wording of one search: what is said when, with `$name` for what is filled in (`string.Template`).

    `group` writes one group of a design; it may use $number, $name, $first, $last (numbers of its slots) and $choices;
    without it a design is one list. `form` says how an answer holds its design, and ends every statement.
    `experiment` writes a tested design; it may use $number, $design, $macs (millions), $accuracy (percent) and
    $rounded, the accuracy as a number, without zeros that fill up its decimals.
    `above` and `below` may use $macs, $bound and $difference (millions), and `over` and `under`, which are about bounds
    of any cost, $value, $cost (what is counted), $bound and $difference; `unreadable` may use $reason and $form. Where
    the wording has nothing to say to a rejected design, the same is asked again.
    `digits` are the decimals of accuracies; `statement`, `told`, `vocabulary` and `proposals` are what
    `harness.specification.Protocol` says of them.
    `as_sent` holds text that was sent where these templates say something else, by iteration and part ("system",
    "statement", "opening", "experiment 2", "closing", "feedback 0"): the slips of a run that was typed by a person.
    `also_sent` holds the further messages of a user who sent several before an answer, by iteration and turn. An empty
    system message is not sent.
    """

    system: str = ""
    problem: str = ""
    opening: str = ""
    experiment: str = ""
    closing: str = ""
    group: str = ""
    form: str = ""
    repeated: str = ""
    unreadable: str = ""
    above: str = ""
    below: str = ""
    over: str = ""
    under: str = ""
    digits: int = 2
    statement: str = "rebuilt"
    told: str = "all"
    vocabulary: str = "symbols"
    proposals: int = 1
    as_sent: Mapping[tuple[int, str], str] = field(default_factory=dict)
    also_sent: Mapping[tuple[int, int], tuple[str, ...]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return brief(self, f"{self.system} {self.problem}")

    @classmethod
    def load(cls, name: str, form: str = "", statement: str = "rebuilt", **values: str) -> Prompts:
        """This project's own wording of a problem, from `baselines/prompts/<name>.md`; raises as `read` does."""
        source = resources.files("baselines.prompts").joinpath(f"{name}.md").read_text("utf-8")
        return cls.read(source, f"{name}.md", form, statement, **values)

    @classmethod
    def read(cls, source: str, name: str, form: str = "", statement: str = "rebuilt", **values: str) -> Prompts:
        """The wording of a problem that a text holds, with `## part` before each of its parts.

        `values` are filled in at once (bounds, costs), and `$problem` where a later part repeats it; what a turn fills
        in stays open. The `form` in which a model is to answer is no part of the file: it goes with the reader. A
        conversation states the problem once.

        Raises:
            ValueError: if a part is missing, unknown or there twice; `name` is what the text is called.
        """
        parts, required = _parts(source), PARTS - OPTIONAL - {"form"}
        texts, got = dict(parts), sorted(part for part, _ in parts)
        if not required <= texts.keys() <= required | OPTIONAL or len(texts) < len(got):
            raise ValueError(
                f"{name}: expected the parts {', '.join(sorted(required))}, each once, and perhaps "
                f"{', '.join(sorted(OPTIONAL))}, got {', '.join(got) or 'none'}"
            )
        for part in ("opening", "experiment"):  # more text follows these, after a blank line
            texts[part] += "\n\n"
        values["problem"] = "" if statement == "conversation" else Template(texts["problem"]).safe_substitute(values)
        kept = {name: value.replace("$", "$$") for name, value in values.items()}
        filled = {part: Template(text).safe_substitute(values) for part, text in texts.items() if part not in OPEN}
        for part in OPEN.keys() & texts.keys():  # which are filled in again
            filled[part] = Template(texts[part].replace("$$", "$$$$")).safe_substitute(kept)
        filled["opening"] = filled["opening"].lstrip("\n")
        return cls(form=form, **filled)  # type: ignore[arg-type]

    @classmethod
    def of(cls, parts: Mapping[str, str], **how: Any) -> Prompts:
        """The wording of these `parts`, and `how` it is told: `digits`, `statement` and the like.

        Raises:
            ValueError: a part is unknown.
        """
        if unknown := parts.keys() - PARTS:
            raise ValueError(f"expected the parts {sorted(PARTS)} of a wording, got also {sorted(unknown)}")
        return replace(cls(**how), **parts)  # type: ignore[arg-type]

    @property
    def parts(self) -> dict[str, str]:
        """The wording as data; empty parts are left out."""
        return {name: text for name in sorted(PARTS) if (text := getattr(self, name))}

    def write_design(self, space: Space, architecture: Architecture) -> str:
        """An architecture in the words that are spoken: as one list, one line a group, or the benchmark's own key."""
        if self.vocabulary == "key":
            return space.to_native(architecture)
        names = zip(space.written(self.vocabulary), space.validate(architecture), strict=True)
        entries = [written[choice] for written, choice in names]
        if not self.group:
            return json.dumps(entries, ensure_ascii=False)
        lines, following = [], iter(entries)
        for number, group in enumerate(space.groups, start=1):
            first, last = (re.sub(r"\D", "", slot.name) for slot in (group.slots[0], group.slots[-1]))
            written = json.dumps([*islice(following, len(group.slots))], ensure_ascii=False)[1:-1]
            filled = {"number": number, "name": group.name, "first": first, "last": last, "choices": written}
            lines.append(Template(self.group).substitute(filled))
        return "\n".join(lines)

    def write_experiment(self, space: Space, number: int, trial: Evaluated) -> str:
        """An evaluated trial, as later iterations list it."""
        design, macs = self.write_design(space, trial.architecture), in_millions(trial.macs)
        accuracy, rounded = f"{trial.accuracy:.{self.digits}f}", round(trial.accuracy, self.digits)
        return Template(self.experiment).substitute(
            number=number, design=design, macs=macs, accuracy=accuracy, rounded=rounded
        )

    def write_feedback(self, trial: Rejected) -> str:
        """What a rejected trial is answered with."""
        rejection = trial.rejection
        if rejection.reason is Reason.REPEATED:
            return self.repeated
        if rejection.reason in WITHOUT_ACCURACY:
            return WITHOUT_ACCURACY[rejection.reason]
        if rejection.missed is not None:
            template = self.over if rejection.reason is Reason.ABOVE_LIMIT else self.under
            return Template(template).substitute(rejection.missed._asdict())
        if trial.macs is not None and rejection.bound is not None:
            template = self.above if rejection.reason is Reason.ABOVE_WINDOW else self.below
            macs = in_millions(trial.macs)
            difference = abs(macs - rejection.bound)
            return Template(template).substitute(macs=macs, bound=rejection.bound, difference=difference)
        reason = f"{rejection.reason.value}: {rejection.detail}"
        return Template(self.unreadable).substitute(reason=reason, form=self.form)


TOLD = ("digits", "statement", "told", "vocabulary", "proposals")
"""The fields of a wording that are those of a protocol."""


def _parts(source: str) -> list[tuple[str, str]]:
    """The parts of a wording by name, in their order."""
    _, *parts = re.split(r"^## (\w+)[ \t]*\r?\n", source, flags=re.MULTILINE)
    return [*zip(parts[::2], map(str.strip, parts[1::2]), strict=True)]


def refuse_unknown(source: str, name: str, values: Collection[str]) -> None:
    """Refuse a text for `Prompts.read` in which something is to be filled in that nothing fills in.

    Raises:
        ValueError: there is; names the part.
    """
    for part, text in _parts(source):
        known = {*OPEN.get(part, ()), *values, *({"problem"} if part != "problem" else ())}
        for found in Template.pattern.finditer(text):
            asked = found["named"] or found["braced"]
            if (asked and asked not in known) or (found["invalid"] is not None and part in OPEN):
                expected = ", ".join(f"${one}" for one in sorted(known))
                raise ValueError(f"{name}: {part}: expected of {expected}, and $$ for a dollar, got ${asked or ''}")


OPTIONAL = {"above", "below", "over", "under", "group"}
"""The parts that are needed only where there is a window, or any bound, or where a design is several lists."""

OPEN: Mapping[str, Collection[str]] = {
    "group": ("number", "name", "first", "last", "choices"),
    "experiment": ("number", "design", "macs", "accuracy", "rounded"),
    "unreadable": ("reason", "form"),
    **dict.fromkeys(("above", "below"), ("macs", "bound", "difference")),
    **dict.fromkeys(("over", "under"), ("cost", "value", "bound", "difference")),
}
"""The parts that are filled in when they are said, and with what."""

PARTS = Prompts.__dataclass_fields__.keys() - {*TOLD, "as_sent", "also_sent"}
"""The parts of a wording."""


class Genius:
    """A language model as an optimiser: `ask` sends the conversation so far, `tell` extends it.

    The model may be any function of messages that returns a text.
    """

    def __init__(self, space: Space, prompts: Prompts, complete: Complete | Callable[[Sequence[Message]], str]) -> None:
        self._space = space
        self._prompts = prompts
        self._complete = complete
        self._experiments: list[Trial] = []  # that were not rejected
        self._held: list[Message] = []  # all that was said before this iteration, where one conversation grows
        self._dialogue: list[Message] = []  # replies and feedback since the last evaluated trial
        self._outcomes: list[Trial] = []  # of the designs in an answer of which some are still to be proposed
        self._latest: Sequence[Trial] = ()  # of the last answer of which a design was evaluated

    @property
    def iteration(self) -> int:
        """T of the paper: the number of trials evaluated so far."""
        return len(self._experiments)

    @property
    def turn(self) -> int:
        """The number of proposals rejected in this iteration."""
        return sum(message["role"] == "assistant" for message in self._dialogue)

    def messages(self) -> list[Message]:
        """The request of the next `ask`."""
        system: Message = {"role": "system", "content": self._sent("system", lambda: self._prompts.system)}
        statement = self._said_by_user(0, self._sent("statement", self._statement))
        return [*(self._held or ([system] if system["content"] else [])), *statement, *self._dialogue]

    def ask(self) -> Proposal:
        """Send the conversation and propose what the model answers; or the next design of its last answer."""
        if self._outcomes:
            return replace(self._outcomes[0].proposal, candidate=len(self._outcomes))
        completion = self._complete(self.messages())
        if isinstance(completion, str):
            return Proposal(reply=completion)
        return Proposal(reply=completion.text, record=completion.key)

    def tell(self, trial: Trial) -> None:
        """Close the iteration with an evaluated trial, or answer a rejected one with feedback.

        Of several designs in an answer all are told before anything is said of them.
        """
        outcomes = [*self._outcomes, trial]
        given, unread = trial.proposal.architecture, isinstance(trial, Rejected) and trial.architecture is None
        going_on = given is None and not unread and len(outcomes) < self._prompts.proposals
        self._outcomes = outcomes if going_on else []
        if going_on:
            return
        # a design that the run was given to start from is said as if the model had
        said = self._prompts.write_design(self._space, given) if given else trial.proposal.reply or ""
        answer: Message = {"role": "assistant", "content": said}
        if all(isinstance(each, Rejected) for each in outcomes):
            part = f"feedback {self.turn}"
            feedback = self._sent(part, lambda: self._feedback(outcomes))
            if feedback or (self.iteration, part) in self._prompts.as_sent:
                self._dialogue += [answer, *self._said_by_user(self.turn + 1, feedback)]
            return
        if self._prompts.statement == "conversation":
            self._held = [*self.messages(), answer]
        self._experiments += [each for each in outcomes if not isinstance(each, Rejected)]
        self._latest, self._dialogue = outcomes, []

    def _feedback(self, outcomes: Sequence[Trial]) -> str:
        """What is said of the rejected designs of an answer; of several, of each."""
        said = []
        for each in outcomes:
            if isinstance(each, Rejected) and (text := self._prompts.write_feedback(each)):
                named = self._prompts.proposals > 1 and each.architecture
                said.append(f"{self._prompts.write_design(self._space, named)}: {text}" if named else text)
        return "\n".join(said)

    def _statement(self) -> str:
        """The problem, or all experiments so far, and how an answer is to hold its design."""
        said = self._prompts.problem
        if self._experiments:
            latest = sum(not isinstance(each, Rejected) for each in self._latest)
            first = 0 if self._prompts.told == "all" else len(self._experiments) - latest
            experiments = (
                self._sent(f"experiment {number}", partial(self._experiment, number, trial))
                for number, trial in enumerate(self._experiments[first:], start=first + 1)
            )
            opening = self._sent("opening", lambda: self._prompts.opening)
            closing = self._sent("closing", lambda: self._prompts.closing)
            beside = self._feedback(self._latest)
            said = "".join((opening, *experiments, beside and f"{beside}\n\n", closing))
        return "\n\n".join(filter(None, (said, self._prompts.form)))

    def _experiment(self, number: int, trial: Trial) -> str:
        """Only what was evaluated can be written; of anything else a published run holds what was sent."""
        return self._prompts.write_experiment(self._space, number, trial) if isinstance(trial, Evaluated) else ""

    def _sent(self, part: str, write: Callable[[], str]) -> str:
        """The part as it was sent, or else as it is written."""
        sent = self._prompts.as_sent.get((self.iteration, part))
        return write() if sent is None else sent

    def _said_by_user(self, turn: int, text: str) -> list[Message]:
        """The messages before the answer of a turn."""
        further = self._prompts.also_sent.get((self.iteration, turn), ())
        return [{"role": "user", "content": said} for said in (text, *further)]


def _without_model(*_: object) -> Genius:
    raise UnfitMethod("genius is handed a language model, and got none; name one with --model")


METHODS = (Method("genius", "GENIUS: a language model as the optimiser", _without_model, with_model=Genius, version=1),)
