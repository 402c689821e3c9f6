"""Networks of inverted residuals: GENIUS' ImageNet space, NAS-Bench-Macro, and Channel-Bench-Macro with its ResNets.

Papers: arXiv 2304.10970, Table 14; Su et al. 2021, arXiv:2103.11922. Which layers there are is declared in
`harness.spaces`. The first paper names the stem's activation (h-swish) and the gate's (hard sigmoid); h-swish is used
throughout its networks.
"""

from __future__ import annotations

from torch import Tensor, nn

from harness.spaces import mobilenetv2_se, nas_bench_macro
from harness.spaces.channel_bench import MOBILENET, RESNET, blocks
from harness.spaces.costs import Layer, squeezed
from harness.training.jobs import Scale
from tables.space import Architecture


def scaled(channels: int, width: float) -> int:
    """A benchmark's number of channels times a factor, rounded, and 1 at least."""
    return max(1, round(channels * width))


def conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1, *, groups: int = 1) -> nn.Sequential:
    """A convolution without bias that keeps the side at stride 1, and its batch normalisation.

    With kernel 1 the stride goes before it, which is the same function: the oneDNN of PyTorch 2.13 writes out of bounds
    in the backward pass of a 1×1 convolution with a stride, with fewer than 8 input channels last in memory.
    """
    before: list[nn.Module] = []
    if kernel == 1 and stride > 1:
        before, stride = [nn.MaxPool2d(1, stride)], 1
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(*before, convolution, nn.BatchNorm2d(outputs))


def classifier(channels: int, classes: int) -> nn.Sequential:
    """Pool, then a linear layer: (B, channels, H, W) → (B, classes)."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


# -- blocks: (B, inputs, H, W) → (B, outputs, H / stride, W / stride) ---


class BasicBlock(nn.Module):
    """Two 3×3 convolutions (He et al. 2016), `middle` channels between; with a shortcut where the shape is kept."""

    def __init__(self, layer: Layer, middle: int) -> None:
        super().__init__()
        self.shortcut = layer.keeps_shape
        self.residual = nn.Sequential(
            conv_bn(layer.inputs, middle, 3, layer.stride), nn.ReLU(), conv_bn(middle, layer.outputs, 3)
        )
        self.activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) → (B, outputs, H / stride, W / stride)."""
        y: Tensor = self.residual(x)
        z: Tensor = self.activation(x + y if self.shortcut else y)
        return z


class InvertedResidual(nn.Module):
    """Widen, filter each channel, gate, narrow (Sandler et al. 2018); with a shortcut where the shape is kept.

    `activation` is used twice and must hold no state; `gate` acts on the expanded channels.
    """

    def __init__(
        self, layer: Layer, expanded: int, kernel: int, *, activation: nn.Module, gate: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.shortcut = layer.keeps_shape
        self.residual = nn.Sequential(
            conv_bn(layer.inputs, expanded, 1),  # (B, expanded, H, W)
            activation,
            conv_bn(expanded, expanded, kernel, layer.stride, groups=expanded),  # (B, expanded, H / stride, W / stride)
            activation,
            gate or nn.Identity(),
            conv_bn(expanded, layer.outputs, 1),  # (B, outputs, H / stride, W / stride)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) → (B, outputs, H / stride, W / stride)."""
        y: Tensor = self.residual(x)
        return x + y if self.shortcut else y


class SqueezeExcite(nn.Module):
    """Weigh channels by what they hold on average (Hu et al. 2018): (B, C, H, W) → (B, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        reduced = squeezed(channels)
        self.gate = nn.Sequential(
            nn.Conv2d(channels, reduced, 1), nn.ReLU(), nn.Conv2d(reduced, channels, 1), nn.Hardsigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C, H, W)."""
        weights: Tensor = self.gate(x.mean((2, 3), keepdim=True))  # (B, C, 1, 1)
        return x * weights


def _searched(layer: Layer, block: tuple[int, int] | None, width: float, *, gated: bool = False) -> nn.Module:
    """A layer with this block, (kernel, expansion), or none; gated, it is one of GENIUS' space."""
    layer = layer._replace(inputs=scaled(layer.inputs, width), outputs=scaled(layer.outputs, width))
    if block is None:
        return nn.Identity() if layer.keeps_shape else conv_bn(layer.inputs, layer.outputs, 1, layer.stride)
    kernel, expansion = block
    expanded = layer.inputs * expansion
    activation, gate = (nn.Hardswish(), SqueezeExcite(expanded)) if gated else (nn.ReLU6(), None)
    return InvertedResidual(layer, expanded, kernel, activation=activation, gate=gate)


# -- networks: (B, channels_in, side, side) → (B, classes); of `scale` the width counts ---


def build_mobilenetv2_se(architecture: Architecture, *, classes: int, channels_in: int, scale: Scale) -> nn.Module:
    """The network of an architecture of `harness.spaces.mobilenetv2_se`, side 224; raises InvalidArchitecture."""
    stem, last, pooled, head = (scaled(channels, scale.width) for channels in (16, 192, 320, 1280))
    layers = zip(mobilenetv2_se.LAYERS, mobilenetv2_se.SPACE.validate(architecture), strict=True)
    return nn.Sequential(
        *(conv_bn(channels_in, stem, 3, stride=2), nn.Hardswish()),  # (B, stem, 112, 112)
        *(conv_bn(stem, stem, 3, groups=stem), nn.Hardswish(), SqueezeExcite(stem), conv_bn(stem, stem, 1)),
        *(_searched(layer, mobilenetv2_se.BLOCKS[choice], scale.width, gated=True) for layer, choice in layers),
        # (B, last, 7, 7)
        *(conv_bn(last, pooled, 1), nn.Hardswish(), nn.AdaptiveAvgPool2d(1)),  # (B, pooled, 1, 1)
        *(nn.Conv2d(pooled, head, 1), nn.Hardswish(), nn.Flatten(), nn.Linear(head, classes)),
    )


def build_nas_bench_macro(architecture: Architecture, *, classes: int, channels_in: int, scale: Scale) -> nn.Module:
    """The network of an architecture of `harness.spaces.nas_bench_macro`, side 32; raises InvalidArchitecture."""
    layers = nas_bench_macro.LAYERS
    channels = (nas_bench_macro.STEM_CHANNELS, layers[-1].outputs, nas_bench_macro.HEAD_CHANNELS)
    stem, last, head = (scaled(each, scale.width) for each in channels)
    searched = zip(layers, nas_bench_macro.SPACE.validate(architecture), strict=True)
    return nn.Sequential(
        *(conv_bn(channels_in, stem, 3), nn.ReLU6()),  # (B, stem, 32, 32)
        *(_searched(layer, nas_bench_macro.BLOCKS[choice], scale.width) for layer, choice in searched),
        # (B, last, 4, 4)
        *(conv_bn(last, head, 1), nn.ReLU6()),  # (B, head, 4, 4)
        classifier(head, classes),
    )


def build_resnet(architecture: Architecture, *, classes: int, channels_in: int, scale: Scale) -> nn.Module:
    """The network of an architecture of Channel-Bench-Macro's ResNets, side 32; raises InvalidArchitecture."""
    widths = [scaled(channels, scale.width) for channels in RESNET.widths(architecture)]
    return nn.Sequential(
        *(conv_bn(channels_in, widths[0], 3, stride=2), nn.ReLU()),  # (B, first, 16, 16)
        *(BasicBlock(*block) for block in blocks(widths)),  # (B, fifth, 8, 8)
        classifier(widths[4], classes),
    )


def build_mobilenet(architecture: Architecture, *, classes: int, channels_in: int, scale: Scale) -> nn.Module:
    """The network of an architecture of Channel-Bench-Macro's MobileNets, side 32; raises InvalidArchitecture."""
    widths = [scaled(channels, scale.width) for channels in MOBILENET.widths(architecture)]
    return nn.Sequential(
        *(conv_bn(channels_in, widths[0], 3, stride=2), nn.ReLU6()),  # (B, first, 16, 16)
        *(InvertedResidual(*block, kernel=3, activation=nn.ReLU6()) for block in blocks(widths)[:4]),
        *(conv_bn(widths[4], widths[6], 1), nn.ReLU6()),  # (B, last, 8, 8)
        classifier(widths[6], classes),
    )
