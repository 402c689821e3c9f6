"""Networks of GENIUS' ImageNet space (arXiv 2304.10970, Table 14): `harness.spaces.mobilenetv2_se` in torch.

The paper names the stem's activation (h-swish) and the gate's (hard sigmoid); h-swish is used throughout.
"""

from __future__ import annotations

from torch import Tensor, nn

from harness.spaces.costs import make_divisible
from harness.spaces.mobilenetv2_se import BLOCKS, SPACE, STAGES
from harness.training.networks.blocks import InvertedResidual, conv_bn, scaled
from tables.space import Architecture


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


def build(architecture: Architecture, *, classes: int = 1000, channels_in: int = 3, width: float = 1.0) -> nn.Module:
    """The network of an architecture: (B, channels_in, 224, 224) → (B, classes); `width` multiplies all other channels.

    Raises:
        InvalidArchitecture: if it is no architecture of the space.
    """
    stem, last, pooled, head = (scaled(channels, width) for channels in (16, 192, 320, 1280))
    layers: list[nn.Module] = [
        *(conv_bn(channels_in, stem, 3, stride=2), nn.Hardswish()),  # (B, stem, 112, 112)
        *(conv_bn(stem, stem, 3, groups=stem), nn.Hardswish(), SqueezeExcite(stem), conv_bn(stem, stem, 1)),
    ]
    for stage, choices in zip(STAGES, SPACE.split(SPACE.validate(architecture)), strict=True):
        inputs, outputs, stride = scaled(stage.inputs, width), scaled(stage.outputs, width), stage.stride
        for choice in choices:
            layers.append(_layer(choice, inputs, outputs, stride))
            inputs, stride = outputs, 1
    return nn.Sequential(
        *layers,  # (B, last, 7, 7)
        *(conv_bn(last, pooled, 1), nn.Hardswish(), nn.AdaptiveAvgPool2d(1)),  # (B, pooled, 1, 1)
        *(nn.Conv2d(pooled, head, 1), nn.Hardswish(), nn.Flatten(), nn.Linear(head, classes)),
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
