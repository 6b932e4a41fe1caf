"""The reference image transform of CLIP (torchvision on PIL images), for comparisons with other implementations.

Resize the shorter side to S (bicubic, antialiased), centre crop (offset rounded half to even), RGB. No EXIF rotation, no
colour-profile conversion. ``python -m clipn_models.transform --size 64 --out DIR FILE...`` writes one raw uint8 [S, S, 3] per file.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import CenterCrop, InterpolationMode, Resize

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
"""CLIP's own, of each colour in 0..1."""


def reference(path: Path | str, size: int) -> np.ndarray:
    """uint8 [size, size, 3] of an image file."""
    with Image.open(path) as image:
        image = Resize(size, interpolation=InterpolationMode.BICUBIC)(image)
        return np.asarray(CenterCrop(size)(image).convert("RGB"))


def normalise(pixels: Tensor) -> Tensor:
    """float32 [N, 3, S, S] in 0..1 -> (x - CLIP's mean) / its deviation, channels last in memory."""
    mean, std = torch.tensor(MEAN, device=pixels.device), torch.tensor(STD, device=pixels.device)
    return ((pixels - mean.view(3, 1, 1)) / std.view(3, 1, 1)).contiguous(memory_format=torch.channels_last)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs="+", default=[224])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("files", nargs="+", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for i, path in enumerate(args.files):
        for size in args.size:
            (args.out / f"{i}-{size}.bin").write_bytes(reference(path, size).tobytes())


if __name__ == "__main__":
    main()
