"""The wording of a published conversation as a prompt pack: templates, and all that was sent otherwise.

A template is what was written most often, with the figures taken out. What the templates do not give to the letter is
an exception that is sent as it was; it is computed here, so no slip of the person who typed can break a replay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from baselines.genius import Prompts
from harness.protocol import Evaluated, Proposal, Rejected, Trial, Unmeasured
from harness.run import as_told
from harness.spaces.mobilenetv2_se import SPACE
from harness.specification import Turn
from reproduce.published.conversation import Conversation, Experiment, Range, commonest

_GROUP_LINE = re.compile(r"(.*?)1(.*?)2(.*?)7(.*?\[)[\d, ]*(\].*)")  # the first stage: layers 2 to 7
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def prompt_pack(told: Conversation) -> Prompts:
    """The prompt pack from which every request of the conversation can be rebuilt."""
    later = told.iterations[1:]
    listed = (experiment for iteration in later for experiment in iteration.experiments)
    group, experiment = commonest(map(_experiment_templates, listed), ("", ""))
    feedback: dict[str | None, list[str]] = {}
    for iteration in told.iterations:  # the feedback behind the last answer is in no request
        for (text, *_), turn in zip(iteration.said[1:-1], iteration.turns, strict=False):
            feedback.setdefault(turn.verdict, []).append(_feedback_template(text, turn, told.window))
    templates = Prompts(
        system=commonest((iteration.system for iteration in told.iterations), ""),
        problem=told.iterations[0].said[0][0],
        opening=commonest((iteration.opening for iteration in later), ""),
        experiment=experiment,
        closing=commonest((iteration.closing for iteration in later), ""),
        group=group,
        above=commonest(feedback.get("above", ()), ""),
        below=commonest(feedback.get("below", ()), ""),
        repeated=commonest(feedback.get("repeated", ()), ""),
        unreadable=commonest(feedback.get("unread", ()), ""),
    )
    also_sent = {
        (number, turn): messages[1:]
        for number, iteration in enumerate(told.iterations)
        for turn, messages in enumerate(iteration.said[:-1])
        if len(messages) > 1
    }
    return replace(templates, as_sent=dict(_sent_otherwise(told, templates)), also_sent=also_sent)


def _experiment_templates(experiment: Experiment) -> tuple[str, str]:
    """The wording of one line of a design, and of an experiment."""
    first, last = experiment.spans.get("design", (0, 0))
    line = _GROUP_LINE.fullmatch(experiment.text[first:last].partition("\n")[0])
    names = ("$number", "$first", "$last", "$choices", "")
    group = "".join(literal(text) + name for text, name in zip(line.groups(), names, strict=True)) if line else ""
    return group, _fill(experiment.text, {span: f"${name}" for name, span in experiment.spans.items()})


def _feedback_template(text: str, turn: Turn, window: Range) -> str:
    """The wording of a feedback: numbers that have the value of a figure are that figure."""
    names: dict[float, str] = {}
    if turn.verdict in ("above", "below") and turn.macs is not None:
        bound = window[turn.verdict == "above"]
        names = {bound: "$bound", abs(turn.macs - bound): "$difference", turn.macs: "$macs"}
    figures = ((found.span(), names.get(float(found[0]))) for found in _NUMBER.finditer(text))
    return _fill(text, {span: name for span, name in figures if name is not None})


def _fill(text: str, names: Mapping[Range, str]) -> str:
    """A template: the text with a name in each of the places."""
    pieces, done = [], 0
    for (first, last), name in sorted(names.items()):
        pieces += [literal(text[done:first]), name]
        done = last
    return "".join([*pieces, literal(text[done:])])


def literal(text: str) -> str:
    """A text as a template says it."""
    return text.replace("$", "$$")


def _sent_otherwise(told: Conversation, templates: Prompts) -> Iterator[tuple[tuple[int, str], str]]:
    """Every part of a request that the templates do not give to the letter."""
    trials: list[Trial] = []
    for number, iteration in enumerate(told.iterations):
        parts: dict[str, tuple[str, str | None]] = {"system": (iteration.system, templates.system)}  # sent, written
        listed = [experiment.number for experiment in iteration.experiments]
        if len(iteration.said[0]) > 1 or (number > 0 and listed != [*range(1, number + 1)]):
            parts["statement"] = iteration.said[0][0], None
        elif number > 0:
            parts["opening"] = iteration.opening, templates.opening
            for n, (experiment, trial) in enumerate(zip(iteration.experiments, trials, strict=True), start=1):
                # nothing can be written of what was not told with all its figures
                written = templates.write_experiment(SPACE, n, trial) if isinstance(trial, Evaluated) else None
                parts[f"experiment {n}"] = experiment.text, written
            parts["closing"] = iteration.closing, templates.closing
        for n, (messages, turn) in enumerate(zip(iteration.said[1:], iteration.turns, strict=True)):
            outcome = as_told(told.told, told.window, number, n, Unmeasured(Proposal(), turn.design, None))
            if n + 1 < len(iteration.turns):
                assert isinstance(outcome, Rejected)  # this turn was answered
                # what nothing was written of would not be sent
                parts[f"feedback {n}"] = messages[0], templates.write_feedback(outcome) or None
            elif outcome is not None:
                trials.append(outcome)
        yield from (((number, part), sent) for part, (sent, written) in parts.items() if sent != written)
