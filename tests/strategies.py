"""What tests of several folders draw on: architectures of a space, a small made-up space, the paper's two networks."""

from __future__ import annotations

from hypothesis import strategies as st

from tables.space import Architecture, Group, Slot, Space


def architectures(space: Space) -> st.SearchStrategy[Architecture]:
    """Any architecture of a space; shrinks towards choice 0 everywhere."""
    return st.tuples(*(st.integers(0, cardinality - 1) for cardinality in space.cardinalities))


WIDTHS = Space(
    name="widths",
    title="Two blocks of different length, widths numbered from 1",
    groups=(
        Group("Block 1", (Slot("Layer 1", ("narrow", "wide")), Slot("Layer 2", ("narrow", "middling", "wide")))),
        Group("Block 2", tuple(Slot(f"Layer {n}", ("8", "16", "24", "32")) for n in (3, 4, 5))),
    ),
    first_symbol=1,
)
"""A made-up space that shares nothing with the ImageNet space: uneven groups, uneven slots, symbols from 1."""

GENIUS_329 = (1, 0, 0, 0, 1, 0, 1, 0, 1, 1, 1, 0, 4, 0, 4, 3, 0, 0, 4, 3, 0, 4, 4, 0, 5, 0, 5, 5, 5, 0)
GENIUS_401 = (1, 0, 1, 0, 1, 1, 1, 1, 0, 0, 1, 1, 4, 4, 0, 4, 0, 4, 4, 5, 0, 5, 0, 5, 6, 5, 0, 6, 0, 5)
"""GENIUS-329 and GENIUS-401 (arXiv 2304.10970, Table 2), in the ImageNet space."""
