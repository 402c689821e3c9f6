"""Blocks that several networks are made of: convolution with batch normalisation, and the inverted residual."""

from __future__ import annotations

from torch import Tensor, nn


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
    return nn.Sequential(
        *before,
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    )


class InvertedResidual(nn.Module):
    """Widen, filter each channel, gate, narrow (Sandler et al. 2018); with a shortcut where the shape is kept.

    (B, inputs, H, W) → (B, outputs, H / stride, W / stride). `activation` is used twice and must hold no state; `gate`
    acts on the expanded channels.
    """

    def __init__(
        self,
        inputs: int,
        expanded: int,
        outputs: int,
        kernel: int,
        stride: int,
        *,
        activation: nn.Module,
        gate: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.shortcut = stride == 1 and inputs == outputs
        self.residual = nn.Sequential(
            conv_bn(inputs, expanded, 1),  # (B, expanded, H, W)
            activation,
            conv_bn(expanded, expanded, kernel, stride, groups=expanded),  # (B, expanded, H / stride, W / stride)
            activation,
            gate or nn.Identity(),
            conv_bn(expanded, outputs, 1),  # (B, outputs, H / stride, W / stride)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) → (B, outputs, H / stride, W / stride)."""
        y: Tensor = self.residual(x)
        return x + y if self.shortcut else y


def classifier(channels: int, classes: int) -> nn.Sequential:
    """Pool, then a linear layer: (B, channels, H, W) → (B, classes)."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))
