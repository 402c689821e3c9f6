"""A multi-layer perceptron for scikit-learn's digits: the widths of its five hidden layers."""

from itertools import pairwise

from harness.spaces.costs import Cost
from tables import Group, Notation, Slot, Space

NAMES = ("8", "16", "32", "64")
PIXELS, CLASSES = 64, 10

WIDTHS = Space(
    name="mlp-widths",
    title="widths of the five hidden layers of a multi-layer perceptron, first to last",
    groups=(Group("Layers", tuple(Slot(f"Layer {n}", NAMES) for n in range(1, 6))),),
    notation=Notation("{}-{}-{}-{}-{}", names=True),
    largest=(3, 3, 3, 3, 3),
)
SPACE = WIDTHS  # what `--space widths.py` finds, with the cost below


def cost(architecture):
    layers = [PIXELS, *(int(NAMES[choice]) for choice in WIDTHS.validate(architecture)), CLASSES]
    macs = sum(before * behind for before, behind in pairwise(layers))
    return Cost(macs=macs, params=macs + sum(layers[1:]), macs_thop=macs)
