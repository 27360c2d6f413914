"""EfficientNet-Lite0: a picture as 1,280 numbers, by weights that come with a Python package.

Source: EfficientNet, Tan and Le 2019, arXiv:1905.11946, without squeeze-and-excitation and with ReLU6: the
Lite of 2020, trained on ImageNet. transformers' EfficientNet cannot hold these weights: it has the former.
"""

import torch
from torch import nn
from torch.nn import functional

BLOCKS = ((3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4),
          (3, 1, 6, 320, 1))  # fmt: skip  # kernel, stride, growth, channels, how many
STEM, FEATURES, CLASSES = 32, 1_280, 1_000
SIDE = 224  # pixels of a side
MEAN, SCALE = 127.0, 128.0


class SameConv(nn.Conv2d):
    """A convolution whose result has the input's size over the stride, rounded up; the odd pixel is put behind."""

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """Return the convolution of a picture with zeros around it."""
        around: list[int] = []
        for size, kernel, stride in zip(given.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            missing = max((-(-size // stride) - 1) * int(stride) + int(kernel) - size, 0)
            around += [missing // 2, missing - missing // 2]
        out: torch.Tensor = super().forward(functional.pad(given, around))
        return out


class Block(nn.Module):
    """Channels grow, each is filtered by itself, and they shrink again; what came in is added where it fits."""

    def __init__(self, before: int, after: int, kernel: int, stride: int, growth: int) -> None:
        super().__init__()
        wide = before * growth
        self.adds = stride == 1 and before == after
        self._expand_conv = nn.Conv2d(before, wide, 1, bias=False) if growth > 1 else None
        self._bn0 = _norm(wide) if growth > 1 else None
        self._depthwise_conv = SameConv(wide, wide, kernel, stride, groups=wide, bias=False)
        self._bn1 = _norm(wide)
        self._project_conv = nn.Conv2d(wide, after, 1, bias=False)
        self._bn2 = _norm(after)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """Return the block's channels."""
        out: torch.Tensor = given
        if self._expand_conv is not None and self._bn0 is not None:
            out = functional.relu6(self._bn0(self._expand_conv(out)))
        out = functional.relu6(self._bn1(self._depthwise_conv(out)))
        out = self._bn2(self._project_conv(out))
        return given + out if self.adds else out


class Lite0(nn.Module):
    """The network; names of its weights are those of the published file."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = SameConv(3, STEM, 3, 2, bias=False), _norm(STEM)
        blocks, before = [], STEM
        for kernel, stride, growth, after, count in BLOCKS:
            for n in range(count):
                blocks.append(Block(before, after, kernel, stride if n == 0 else 1, growth))
                before = after
        self._blocks = nn.ModuleList(blocks)
        self._conv_head, self._bn1 = nn.Conv2d(before, FEATURES, 1, bias=False), _norm(FEATURES)
        self._fc = nn.Linear(FEATURES, CLASSES)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return (N, 1280) features of (N, 3, H, W) pictures as `pixels` makes them, means over all places."""
        out = functional.relu6(self._bn0(self._conv_stem(pictures)))
        for block in self._blocks:
            out = block(out)
        features: torch.Tensor = functional.relu6(self._bn1(self._conv_head(out))).mean((2, 3))
        return features

    def classes(self, features: torch.Tensor) -> torch.Tensor:
        """Return (N, 1000) scores of ImageNet's classes."""
        scores: torch.Tensor = self._fc(features)
        return scores


def pixels(rgb: torch.Tensor) -> torch.Tensor:
    """Return (N, H, W, 3) bytes of pictures as the network reads them."""
    return ((rgb.float() - MEAN) / SCALE).permute(0, 3, 1, 2)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)
