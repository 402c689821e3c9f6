"""Appendix B: the ImageNet search space as printed (table 14) and both networks as code (B.2), beside the search.

The printed sizes and strides contradict GENIUS' own prompt, and with it the costs that the paper prints of both
networks; what they would cost as printed is computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from harness.protocol import MILLION
from harness.spaces.mobilenetv2_se import (
    BLOCKS,
    CHOICES,
    FIRST_LAYER,
    LAYERS_PER_STAGE,
    OUTLINE,
    SPACE,
    choice_cost,
    cost,
    fixed_costs,
    with_strides,
)
from reproduce.paper import printed
from reproduce.paper.imagenet import RUNS
from reproduce.published.imagenet import replay
from reproduce.published.replay import Replay
from reproduce.report import BLANK, Column, Report, headed, label, quoted, recomputed

COLUMNS = (
    Column("layers", "Where"),
    *headed("input", "operators", "channels"),
    Column("num_blocks", "Blocks"),
    Column("stride", "Stride"),
    Column("true_input", "Input, by prompt and cost"),
    Column("true_stride", "Stride, by prompt and cost"),
    Column("first_layer_m", "First layer, FLOPs (M)"),
    Column("other_layers_m", "Other layers, FLOPs (M)"),
)


class Row(NamedTuple):
    """What the prompt says of some layers, and what each costs by the rule that its own table of costs follows."""

    layers: str
    input: str
    stride: int | None
    first: str
    others: str | None


def table14(name: str) -> Report:
    """The paper's rows, beside each what is true of the networks that were searched; and both networks of B.2."""
    paper, truth = printed()[name]["rows"], [*_rows()]
    rows = tuple(
        (label(row.layers), *map(quoted, cells), *(BLANK if value is None else recomputed(value) for value in row[1:]))
        for cells, row in zip(paper, truth, strict=True)
    )
    replays = {method: replay(run) for method, run in RUNS.items()}
    notes = [
        f"{row.layers}: printed with input {size} and stride {stride}, in truth {row.input} and {row.stride}."
        for (size, *_, stride), row in zip(paper, truth, strict=True)
        if (size, stride) != (row.input, row.stride) and row.stride is not None
    ]
    notes += [_as_printed(replays), *(_as_code(method, found) for method, found in replays.items())]
    notes += [f"Choice {number}: {choice}." for number, choice in enumerate(CHOICES)]
    notes.append("A skipped first layer of a stage is a 1×1 convolution with batch normalisation.")
    notes.append(f"What is not searched costs {sum(one.macs_thop for one in fixed_costs()) / MILLION:.1f} M FLOPs.")
    notes.append(f"{SPACE.size:.2e} architectures.")
    title = "Table 14. Search space, ImageNet (arXiv 2304.10970, appendix B)"
    return Report(name, title, COLUMNS, rows, tuple(notes), tuple(replays.values()))


def _rows() -> Iterator[Row]:
    """The truth, by the rows of the paper: the stem, the stages, the head."""
    costs = iter(f"{one.macs_thop / MILLION:.2f}" for one in fixed_costs())
    for number, layer in enumerate(OUTLINE):
        size = f"{layer.size * layer.stride}^2 x {layer.inputs}"
        if number < FIRST_LAYER:
            yield Row(f"Layer {number}", size, layer.stride, next(costs), None)
        else:
            position = (number - FIRST_LAYER) * LAYERS_PER_STAGE
            layers = f"Layers {FIRST_LAYER + position}–{FIRST_LAYER + position + LAYERS_PER_STAGE - 1}"
            yield Row(layers, size, layer.stride, _range(position), _range(position + 1))
    last = OUTLINE[-1]
    following = FIRST_LAYER + len(SPACE.slots)
    sizes = (f"{last.size}^2 x {last.outputs}", f"{last.size}^2 x 320", "320", "1,280")
    for number, (size, stride) in enumerate(zip(sizes, (1, None, 1, None), strict=True), start=following):
        yield Row(f"Layer {number}", size, stride, next(costs), None)


def _range(position: int) -> str:
    costs = [choice_cost(position, choice).macs_thop / MILLION for choice in range(len(CHOICES))]
    return f"{min(costs):.1f} to {max(costs):.1f}"


def _as_printed(replays: Mapping[str, Replay]) -> str:
    """The erratum: what both networks would cost at the strides that are printed."""
    strides = [row[-1] for row in printed()["table14"]["rows"][: len(OUTLINE)]]
    said = (
        f"{method} would cost {cost(found.winner, with_strides(strides)).macs_thop / MILLION:.1f} M FLOPs where it "
        f"has {cost(found.winner).macs_thop / MILLION:.1f} M"
        for method, found in replays.items()
    )
    return f"With the printed strides {', and '.join(said)}."


def _as_code(method: str, found: Replay) -> str:
    """Whether a network that appendix B.2 prints is the replayed winner, layer for layer."""
    paper = printed()["appendix_b2"][method.lower().replace("-", "_")]
    winner = [[[*block] for choice in stage if (block := BLOCKS[choice])] for stage in SPACE.split(found.winner)]
    verdict = "is" if paper == winner else "is not"
    return f"{method} as appendix B.2 prints it {verdict} the winner of run {found.run}, layer for layer."
