"""Rescales channels to similar ranges, so that one 8-bit scale suits all of them (cross-layer equalisation: Nagel et al., ICCV 2019, section 4.1).

Between the blocks of an EfficientNet-Lite there are plain sums without a non-linearity. A channel may therefore be divided by any number
where it is written and multiplied by it where it is read, without changing the model's outputs. Otherwise one channel of range 150 leaves
a few steps for channels of range 2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def _writer(block: nn.Module) -> nn.Conv2d:
    """The convolution that writes a block's output."""
    return block.conv_pwl if hasattr(block, "conv_pwl") else block.conv_pw


@torch.no_grad()
def ranges(model: nn.Module, images: Tensor) -> list[Tensor]:
    """Largest absolute value of each channel [C] between the blocks of each stage; ``images`` float32 [N, 3, S, S], scaled."""
    found: list[Tensor] = [torch.zeros(_writer(stage[0]).out_channels) for stage in model.blocks]
    handles = []
    for number, stage in enumerate(model.blocks):
        for block in stage:
            for module in (block, _writer(block)):

                def note(_module, _inputs, output, number=number):
                    found[number] = torch.maximum(found[number], output.abs().amax((0, 2, 3)))

                handles.append(module.register_forward_hook(note))
    for part in images.split(16):
        model.forward_features(part)
    for handle in handles:
        handle.remove()
    return found


@torch.no_grad()
def equalise(model: nn.Module, images: Tensor) -> None:
    """Rescales the channels between blocks to one range, in place. Batch norms must be folded; the function computed stays the same."""
    stages = list(model.blocks)
    for number, (stage, largest) in enumerate(zip(stages, ranges(model, images), strict=True)):
        ratio = (largest / largest.mean()).clamp(min=0.02)
        after = stages[number + 1][0].conv_pw if number + 1 < len(stages) else model.conv_head
        for block in stage:
            conv = _writer(block)
            conv.weight.div_(ratio[:, None, None, None])
            conv.bias.div_(ratio)
        for conv in [*(block.conv_pw for block in list(stage)[1:]), after]:
            conv.weight.mul_(ratio[None, :, None, None])
