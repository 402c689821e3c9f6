"""The wording of a published conversation as a prompt pack: templates, and all that was sent otherwise.

A template is what was written most often, with the figures taken out. What the templates do not give to the letter is
an exception that is sent as it was; it is computed here, so no slip of the person who typed can break a replay.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from baselines.genius import Prompts
from harness.protocol import Evaluated, Proposal, Rejected, Trial, Unmeasured
from harness.spaces.mobilenetv2_se import SPACE
from reproduce.published.dialogue import Answer, Experiment, Iteration, Range
from reproduce.published.transcript import Transcript, Turn

_T = TypeVar("_T")

_GROUP_LINE = re.compile(r"(.*?)1(.*?)2(.*?)7(.*?\[)[\d, ]*(\].*)")  # the first stage: layers 2 to 7
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def prompts(iterations: Sequence[Iteration], transcript: Transcript) -> Prompts:
    """The prompt pack from which every request of the conversation can be rebuilt."""
    later = iterations[1:]
    listed = [experiment for iteration in later for experiment in iteration.experiments]
    group, experiment = commonest(map(_experiment_templates, listed), ("", ""))
    feedback: dict[str | None, list[str]] = {}
    for iteration, turns in zip(iterations, transcript.iterations, strict=True):
        for answer, turn in _answered(iteration, turns):
            feedback.setdefault(turn.verdict, []).append(_feedback_template(answer.feedback[0], turn, transcript))
    templates = Prompts(
        system=commonest((iteration.system for iteration in iterations), ""),
        problem=iterations[0].messages[0],
        opening=commonest((iteration.opening for iteration in later), ""),
        experiment=experiment,
        closing=commonest((iteration.closing for iteration in later), ""),
        group=group,
        above=commonest(feedback.get("above", ()), ""),
        below=commonest(feedback.get("below", ()), ""),
        repeated=commonest(feedback.get("repeated", ()), ""),
        unreadable=commonest(feedback.get("unread", ()), ""),
    )
    return replace(
        templates,
        as_sent=dict(_sent_otherwise(iterations, transcript, templates)),
        also_sent=dict(_sent_besides(iterations)),
    )


def commonest(values: Iterable[_T], default: _T) -> _T:
    """The value that occurs most often, the first of them if several do."""
    return next((value for value, _ in Counter(values).most_common(1)), default)


def _answered(iteration: Iteration, turns: Sequence[Turn]) -> Iterator[tuple[Answer, Turn]]:
    """The answers whose feedback was sent on: that of the last is in no request."""
    return zip(iteration.answers[:-1], turns[:-1], strict=True)


def _experiment_templates(experiment: Experiment) -> tuple[str, str]:
    """The wording of one line of a design, and of an experiment."""
    first, last = experiment.spans.get("design", (0, 0))
    line = _GROUP_LINE.fullmatch(experiment.text[first:last].partition("\n")[0])
    names = ("$number", "$first", "$last", "$choices", "")
    group = "".join(_literal(text) + name for text, name in zip(line.groups(), names, strict=True)) if line else ""
    return group, _fill(experiment.text, {span: f"${name}" for name, span in experiment.spans.items()})


def _feedback_template(text: str, turn: Turn, transcript: Transcript) -> str:
    """The wording of a feedback: numbers that have the value of a figure are that figure."""
    names: dict[float, str] = {}
    if turn.verdict in ("above", "below") and turn.macs is not None:
        bound = transcript.window[turn.verdict == "above"]
        names = {bound: "$bound", abs(turn.macs - bound): "$difference", turn.macs: "$macs"}
    figures = ((found.span(), names.get(float(found[0]))) for found in _NUMBER.finditer(text))
    return _fill(text, {span: name for span, name in figures if name is not None})


def _fill(text: str, names: Mapping[Range, str]) -> str:
    """A template: the text with a name in each of the places."""
    pieces, done = [], 0
    for (first, last), name in sorted(names.items()):
        pieces += [_literal(text[done:first]), name]
        done = last
    return "".join([*pieces, _literal(text[done:])])


def _literal(text: str) -> str:
    return text.replace("$", "$$")


def _sent_otherwise(
    iterations: Sequence[Iteration], transcript: Transcript, templates: Prompts
) -> Iterator[tuple[tuple[int, str], str]]:
    """Every part of a request that the templates do not give to the letter."""
    trials: list[Trial] = []
    for number, (iteration, turns) in enumerate(zip(iterations, transcript.iterations, strict=True)):
        parts: dict[str, tuple[str, str | None]] = {"system": (iteration.system, templates.system)}  # sent, written
        listed = [experiment.number for experiment in iteration.experiments]
        if len(iteration.messages) > 1 or (number > 0 and listed != [*range(1, number + 1)]):
            parts["statement"] = iteration.messages[0], None
        elif number > 0:
            parts["opening"] = iteration.opening, templates.opening
            for n, (experiment, trial) in enumerate(zip(iteration.experiments, trials, strict=True), start=1):
                parts[f"experiment {n}"] = experiment.text, _experiment(templates, n, trial)
            parts["closing"] = iteration.closing, templates.closing
        for n, (answer, turn) in enumerate(_answered(iteration, turns)):
            told = transcript.testimony(number, n, Unmeasured(Proposal(), turn.design, None))
            assert isinstance(told, Rejected)  # this turn was answered
            parts[f"feedback {n}"] = answer.feedback[0], templates.write_feedback(told)
        yield from (((number, part), sent) for part, (sent, written) in parts.items() if sent != written)
        ended = transcript.testimony(number, len(turns) - 1, Unmeasured(Proposal(), turns[-1].design, None))
        trials += [] if ended is None else [ended]


def _experiment(templates: Prompts, number: int, trial: Trial) -> str | None:
    """The experiment as the templates give it; None where nothing was told of it that could be written."""
    return templates.write_experiment(SPACE, number, trial) if isinstance(trial, Evaluated) else None


def _sent_besides(iterations: Sequence[Iteration]) -> Iterator[tuple[tuple[int, int], tuple[str, ...]]]:
    """The further messages of a user who sent several before an answer."""
    for number, iteration in enumerate(iterations):
        before = (iteration.messages, *(answer.feedback for answer in iteration.answers[:-1]))
        yield from (((number, turn), said[1:]) for turn, said in enumerate(before) if len(said) > 1)
