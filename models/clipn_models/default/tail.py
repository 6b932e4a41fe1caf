"""The image tower in two parts: a front that stays frozen, whose activations are computed once, and a tail that can be fine-tuned.

The front ends before stage ``SPLIT`` of EfficientNet-Lite0: [112, 14, 14]. The tail has the last five blocks and the last convolution: 2.7 of the
4.7 million parameters, and a third of the operations.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from . import backbone, cache, towers

SPLIT = 5


class Front(nn.Module):
    """float32 [N, 3, S, S], scaled, -> activations [N, 112, S / 16, S / 16]."""

    def __init__(self, lite: nn.Module):
        super().__init__()
        self.lite = lite

    def forward(self, x: Tensor) -> Tensor:
        x = self.lite.bn1(self.lite.conv_stem(x))
        for stage in self.lite.blocks[:SPLIT]:
            x = stage(x)
        return x


class Tail(nn.Module):
    """Activations [N, 112, 14, 14] -> pooled features [N, 1280]. Batch norms are folded, so that training cannot change their statistics."""

    def __init__(self, lite: nn.Module):
        super().__init__()
        towers.fold_batch_norms(lite)
        self.blocks, self.conv_head, self.act = lite.blocks[SPLIT:], lite.conv_head, lite.bn2
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        for stage in self.blocks:
            x = stage(x)
        return self.act(self.conv_head(x)).mean((2, 3))

    @torch.no_grad()
    def pooled(self, activations: Activations, batch: int = 100) -> np.ndarray:
        """float16 [N, 1280] of all rows, in the form that the heads' training reads."""
        rows = np.array_split(np.arange(len(activations)), max(1, len(activations) // batch))
        return np.concatenate([self(activations[r]).numpy().astype(np.float16) for r in rows])


class Activations:
    """Float16 files of [n, 112, 14, 14] as one array; rows are read when they are asked for."""

    def __init__(self, paths: list[Path]):
        self.files = [np.load(path, mmap_mode="r") for path in paths]
        self.starts = np.cumsum([0, *map(len, self.files)])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, rows: np.ndarray) -> Tensor:
        """float32 [len(rows), 112, 14, 14], channels last."""
        place = np.searchsorted(self.starts, rows, "right") - 1
        found = np.stack([self.files[f][r - self.starts[f]] for f, r in zip(place, rows, strict=True)])
        return torch.from_numpy(found).float().contiguous(memory_format=torch.channels_last)


def between(frozen: nn.Module, tuned: nn.Module, share: float) -> dict[str, Tensor]:
    """State of a module whose weights are ``share`` of the way from ``frozen`` to ``tuned`` (WiSE-FT: Wortsman et al., CVPR 2022)."""
    after = tuned.state_dict()
    return {name: torch.lerp(value, after[name], share) for name, value in frozen.state_dict().items()}


def activations(tasks: list[cache.Task], graph: Path, workers: int, wheels: Path | None, log=print) -> Activations:
    """Computes what is missing. ``graph``: the front as ONNX, exported if it does not exist."""
    if not graph.exists():
        backbone.export(Front(backbone.load(towers.LITE, wheels)).eval(), graph, towers.SIZE)
    cache.compute_all(tasks, graph, workers, log)
    return Activations([t.out for t in tasks])
