"""Table 14: the ImageNet search space, printed from its declaration."""

from __future__ import annotations

from harness.spaces.mobilenetv2_se import CHOICES, LAYERS_PER_STAGE, SPACE, STAGES, choice_cost, fixed_cost, input_size
from reproduce.report.report import Column, Report, label, recomputed

COLUMNS = (
    Column("stage", "Stage"),
    Column("layers", "Layers"),
    Column("input", "Input"),
    Column("channels", "Channels"),
    Column("stride", "Stride of the first"),
    Column("choices", "Choices a layer"),
    Column("first_layer_m", "First layer, FLOPs (M)"),
    Column("other_layers_m", "Other layers, FLOPs (M)"),
)


def report(*, embedded_only: bool = False) -> Report:  # noqa: ARG001
    """One row a stage, with the range of what a layer costs under GENIUS' counting rule."""
    rows = []
    for stage, (group, shape) in enumerate(zip(SPACE.groups, STAGES, strict=True)):
        size = input_size(stage)
        first = stage * LAYERS_PER_STAGE
        rows.append(
            (
                label(group.name),
                label(f"{group.slots[0].name} to {group.slots[-1].name}"),
                recomputed(f"{size}×{size}×{shape.inputs}"),
                recomputed(shape.outputs),
                recomputed(shape.stride),
                recomputed(len(group.slots[0].choices)),
                recomputed(_range(first)),
                recomputed(_range(first + 1)),
            )
        )
    notes = [f"choice {number}: {choice}" for number, choice in enumerate(CHOICES)]
    notes.append("a skipped first layer of a stage is a 1×1 convolution with batch normalisation")
    notes.append(f"what is not searched costs {fixed_cost().macs_thop / 1e6:.1f} M FLOPs")
    notes.append(f"{SPACE.size:.2e} architectures")
    title = "Table 14. Search space, ImageNet (arXiv 2304.10970), from its declaration"
    return Report("table14", title, COLUMNS, tuple(rows), tuple(notes))


def _range(position: int) -> str:
    costs = [choice_cost(position, choice).macs_thop / 1e6 for choice in range(len(CHOICES))]
    return f"{min(costs):.1f} to {max(costs):.1f}"
