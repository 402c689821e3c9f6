"""Torch networks, one builder a file under the name of its space; torch is imported here and where training happens."""

from __future__ import annotations

from importlib import import_module

from torch import nn

from harness.training.jobs import Scale, builder
from tables.space import Architecture


def build(space: str, architecture: Architecture, *, classes: int, channels_in: int, scale: Scale) -> nn.Module:
    """The network of an architecture, weights drawn from torch's own generator.

    Raises:
        HarnessError, InvalidJob: as in `harness.training.jobs.builder`.
        InvalidArchitecture: it is no architecture of the space.
    """
    module, function = builder(space).split(".")
    build_network = getattr(import_module(f"harness.training.networks.{module}"), function)
    network: nn.Module = build_network(architecture, classes=classes, channels_in=channels_in, scale=scale)
    return network
