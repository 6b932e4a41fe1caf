"""Batches for the small CLIP: crops that the teacher has seen, at the resolution of the moment."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .packs import Pack, load_pack
from .teacher import crop_boxes

TEACHER_SCALE = 0.06336501985788345
"""Quantisation step of the teacher's logits."""


@dataclass(frozen=True)
class Batch:
    pixels: Tensor
    """float32 [N, 3, R, R] in 0..1"""
    labels: np.ndarray
    """int64 [N], index over all classes of all data sets; for captioned images the image's index"""
    teacher: Tensor | None
    """float32 [N, 1001] logits"""


def held_out(count: int) -> np.ndarray:
    """Every fiftieth photograph of a training split is never trained on: what is tuned is tuned on those. bool [N]."""
    return np.arange(count) % 50 == 49


def set_apart(count: int) -> np.ndarray:
    """Every twentieth photograph: stage two's own, where a preset keeps some from stage one. bool [N]."""
    return np.arange(count) % 20 == 10


class Source:
    """One split with its crops and, where they were made, the teacher's answers to them.

    ``resident``: a device that takes all of the split into its memory once and makes the crops itself; without one, rows are
    read from the disk and cropped on the CPU. Both draw the same. ``apart``: leave out what ``set_apart`` says.
    """

    def __init__(self, root: Path, name: str, offset: int = 0, views: int = 4, resident: torch.device | None = None, apart: bool = False):
        self.pack: Pack = load_pack(root, name)
        self.offset = offset
        boxes, teacher = root / f"{name}.boxes.npy", root / f"{name}.teacher.npy"
        self.boxes = np.load(boxes) if boxes.exists() else crop_boxes(len(self.pack), views, seed=0)
        self.teacher = np.load(teacher, mmap_mode="r") if teacher.exists() else None
        self.pixels = self.pack.pixels
        self.resident = resident
        if resident is not None:
            self.pixels = torch.from_numpy(np.array(self.pixels)).to(resident)
            self.teacher = None if self.teacher is None else torch.from_numpy(np.array(self.teacher)).to(resident)
        out = held_out(len(self.pack))
        self.usable = np.flatnonzero(~(out | set_apart(len(self.pack)) if apart else out))
        self._order: np.ndarray = np.empty(0, np.int64)

    def indices(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """The next ``count`` of an endless shuffled stream: every image once before any twice."""
        while len(self._order) < count:
            self._order = np.concatenate([self._order, rng.permutation(self.usable)])
        head, self._order = self._order[:count], self._order[count:]
        return head

    def batch(self, count: int, resolution: int, rng: np.random.Generator) -> Batch:
        picked = self.indices(count, rng)
        view = rng.integers(0, self.boxes.shape[1], count)
        order = np.argsort(picked)  # memory-mapped rows read in file order
        picked, view = picked[order], view[order]
        boxes = self.boxes[picked, view]
        boxes[:, 4] = rng.integers(0, 2, count)  # the teacher's answer to a crop serves its mirror image too: twice the variety at no cost
        pixels = crop(take(self.pixels, picked), torch.from_numpy(boxes).to(self.resident), resolution)
        teacher = None if self.teacher is None else take(self.teacher, picked, view).float() * TEACHER_SCALE
        return Batch(pixels, self.pack.labels[picked] + self.offset, teacher)


def take(rows: np.ndarray | Tensor, *index: np.ndarray) -> Tensor:
    """``rows[index]`` where the rows are."""
    if isinstance(rows, Tensor):
        return rows[tuple(torch.from_numpy(i).to(rows.device) for i in index)]
    return torch.from_numpy(rows[index])


def crop(images: Tensor, boxes: Tensor, resolution: int) -> Tensor:
    """uint8 [N, S, S, 3] and boxes [N, 5] (fractions x, y, w, h; flip) -> float32 [N, 3, R, R] in 0..1, bilinear."""
    x, y, w, h, flip = boxes.unbind(-1)
    sign = 1 - 2 * flip
    zero = torch.zeros_like(x)
    theta = torch.stack([torch.stack([w * sign, zero, 2 * x + w - 1], -1), torch.stack([zero, h, 2 * y + h - 1], -1)], 1)
    grid = F.affine_grid(theta, [len(images), 3, resolution, resolution], align_corners=False)
    return F.grid_sample(images.permute(0, 3, 1, 2).float() / 255, grid, mode="bilinear", padding_mode="border", align_corners=False)


def paste(pixels: Tensor, partner: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, float]:
    """CutMix (Yun et al., 2019): a rectangle of photograph ``partner[i]`` into photograph i, the same one for all; the share that is still i's."""
    side = pixels.shape[-1]
    cut = math.sqrt(1 - rng.random())
    middle = rng.integers(0, side, 2)
    (x0, y0), (x1, y1) = (np.clip(middle + sign * int(side * cut) // 2, 0, side) for sign in (-1, 1))
    out = pixels.clone()
    out[:, :, y0:y1, x0:x1] = pixels[torch.from_numpy(partner).to(pixels.device), :, y0:y1, x0:x1]
    return out, 1 - (x1 - x0) * (y1 - y0) / side**2


def jitter(pixels: Tensor, rng: np.random.Generator, strength: float = 0.2) -> Tensor:
    """Brightness and contrast of each photograph, each by up to ``strength``."""
    n = len(pixels)
    gain = torch.from_numpy(rng.uniform(1 - strength, 1 + strength, (2, n)).astype(np.float32)).to(pixels.device)
    mean = pixels.mean(dim=(1, 2, 3), keepdim=True)
    return ((pixels - mean) * gain[0].view(n, 1, 1, 1) + mean * gain[1].view(n, 1, 1, 1)).clamp(0, 1)


def centre(images: np.ndarray, resolution: int, device: torch.device | None = None) -> Tensor:
    """The evaluation view of packed squares: uint8 [N, S, S, 3] -> float32 [N, 3, R, R] in 0..1 (bicubic, antialiased)."""
    pixels = torch.from_numpy(np.array(images)).to(device).permute(0, 3, 1, 2).float()
    if pixels.shape[-1] != resolution:
        pixels = F.interpolate(pixels, size=(resolution, resolution), mode="bicubic", antialias=True, align_corners=False).round().clamp(0, 255)
    return pixels / 255


def class_keys(root: Path, split: str) -> list[str]:
    return json.loads((root / f"{split}.json").read_text())["classes"]
