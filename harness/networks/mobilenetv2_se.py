"""Networks of GENIUS' ImageNet space (arXiv 2304.10970, Table 14): `harness.spaces.mobilenetv2_se` in torch.

The paper names the stem's activation (h-swish) and the gate's (hard sigmoid); h-swish is used throughout.
"""

from __future__ import annotations

from torch import Tensor, nn

from harness.costs import make_divisible
from harness.networks.blocks import InvertedResidual, conv_bn
from harness.space import Architecture
from harness.spaces.mobilenetv2_se import BLOCKS, SPACE, STAGES


class SqueezeExcite(nn.Module):
    """Weigh channels by what they hold on average (Hu et al. 2018): (B, C, H, W) → (B, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        reduced = make_divisible(channels * 0.25)
        self.gate = nn.Sequential(
            nn.Conv2d(channels, reduced, 1), nn.ReLU(), nn.Conv2d(reduced, channels, 1), nn.Hardsigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C, H, W)."""
        weights: Tensor = self.gate(x.mean((2, 3), keepdim=True))  # (B, C, 1, 1)
        return x * weights


def build(architecture: Architecture, *, classes: int = 1000) -> nn.Module:
    """The network of an architecture: (B, 3, 224, 224) → (B, classes).

    Raises:
        InvalidArchitecture: if it is no architecture of the space.
    """
    layers: list[nn.Module] = [
        *(conv_bn(3, 16, 3, stride=2), nn.Hardswish()),  # (B, 16, 112, 112)
        *(conv_bn(16, 16, 3, groups=16), nn.Hardswish(), SqueezeExcite(16), conv_bn(16, 16, 1)),
    ]
    for stage, choices in zip(STAGES, SPACE.split(SPACE.validate(architecture)), strict=True):
        inputs, stride = stage.inputs, stage.stride
        for choice in choices:
            layers.append(_layer(choice, inputs, stage.outputs, stride))
            inputs, stride = stage.outputs, 1
    return nn.Sequential(
        *layers,  # (B, 192, 7, 7)
        *(conv_bn(192, 320, 1), nn.Hardswish(), nn.AdaptiveAvgPool2d(1)),  # (B, 320, 1, 1)
        *(nn.Conv2d(320, 1280, 1), nn.Hardswish(), nn.Flatten(), nn.Linear(1280, classes)),
    )


def _layer(choice: int, inputs: int, outputs: int, stride: int) -> nn.Module:
    if choice == 0:
        keeps_shape = stride == 1 and inputs == outputs
        return nn.Identity() if keeps_shape else conv_bn(inputs, outputs, 1, stride)
    kernel, expansion = BLOCKS[choice - 1]
    expanded = inputs * expansion
    return InvertedResidual(
        inputs, expanded, outputs, kernel, stride, activation=nn.Hardswish(), gate=SqueezeExcite(expanded)
    )
