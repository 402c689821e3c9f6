"""What a layer costs: multiply-accumulates under two counting rules, and parameters. Analytic, no torch.

`macs` counts convolutions and linear layers only, without biases: the published `flops` of NAS-Bench-Macro and
Channel-Bench-Macro. `macs_thop` is what GENIUS counted with the package `thop`: the same, plus four operations an
activation of each batch normalisation and (H·W + 1)·C for a global average pool; activations are free under both.
Parameters include biases and the affine pair of each batch normalisation.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple


class Cost(NamedTuple):
    """Multiply-accumulates of one forward pass of one image, under both rules, and the number of parameters."""

    macs: int
    macs_thop: int
    params: int


NOTHING = Cost(0, 0, 0)


class Layer(NamedTuple):
    """Where a block stands: channels in and out, stride, and the side of its output."""

    inputs: int
    outputs: int
    stride: int
    size: int

    @property
    def keeps_shape(self) -> bool:
        """Whether the output has the shape of the input, and so needs no block at all."""
        return self.stride == 1 and self.inputs == self.outputs


def total(*costs: Cost) -> Cost:
    """The sum, field by field."""
    return Cost(*(sum(field) for field in zip(NOTHING, *costs, strict=True)))


def conv(inputs: int, outputs: int, kernel: int, size: int, *, groups: int = 1, bias: bool = False) -> Cost:
    """A square convolution whose output is `size` × `size`."""
    weights = kernel * kernel * inputs // groups * outputs
    macs = weights * size * size
    return Cost(macs, macs, weights + (outputs if bias else 0))


def batch_norm(channels: int, size: int) -> Cost:
    """A batch normalisation over `size` × `size` activations."""
    return Cost(0, 4 * channels * size * size, 2 * channels)


def conv_bn(inputs: int, outputs: int, kernel: int, size: int, *, groups: int = 1) -> Cost:
    """A convolution without bias, followed by a batch normalisation."""
    return total(conv(inputs, outputs, kernel, size, groups=groups), batch_norm(outputs, size))


def inverted_residual(layer: Layer, expanded: int, kernel: int) -> Cost:
    """Widen, filter each channel, narrow (Sandler et al. 2018)."""
    widen = conv_bn(layer.inputs, expanded, 1, layer.size * layer.stride)
    narrow = conv_bn(expanded, layer.outputs, 1, layer.size)
    return total(widen, conv_bn(expanded, expanded, kernel, layer.size, groups=expanded), narrow)


def linear(inputs: int, outputs: int) -> Cost:
    """A fully connected layer with bias."""
    return Cost(inputs * outputs, inputs * outputs, inputs * outputs + outputs)


def global_pool(channels: int, size: int) -> Cost:
    """An average pool of `size` × `size` activations to one."""
    return Cost(0, (size * size + 1) * channels, 0)


def squeezed(channels: int) -> int:
    """To how many channels a squeeze-and-excitation reduces: a quarter, `make_divisible`."""
    return make_divisible(channels * 0.25)


def squeeze_excite(channels: int) -> Cost:
    """Two 1×1 convolutions with bias on pooled activations (Hu et al. 2018); the pool itself is not counted."""
    reduced = squeezed(channels)
    return total(conv(channels, reduced, 1, 1, bias=True), conv(reduced, channels, 1, 1, bias=True))


def make_divisible(channels: float, divisor: int = 8) -> int:
    """Round to a multiple of `divisor`, never losing more than a tenth (Sandler et al. 2018, reference code)."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def block_name(kernel: int, expansion: int) -> str:
    """An inverted residual as a choice of a slot."""
    return f"inverted residual, kernel {kernel}, expansion {expansion}"


@cache
def searched(layer: Layer, block: tuple[int, int] | None, *, gated: bool = False) -> Cost:
    """A layer with an inverted residual of this kernel and expansion; without one, a 1×1 convolution or nothing."""
    if block is None:
        return NOTHING if layer.keeps_shape else conv_bn(layer.inputs, layer.outputs, 1, layer.size)
    kernel, expansion = block
    expanded = layer.inputs * expansion
    cost = inverted_residual(layer, expanded, kernel)
    return total(cost, squeeze_excite(expanded)) if gated else cost
