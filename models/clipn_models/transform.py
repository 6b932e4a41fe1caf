"""The reference image transform of CLIP (torchvision on PIL images), for comparing other implementations with.

Resize the shorter side to S (bicubic, antialiased), centre crop (offset rounded half to even), RGB. No EXIF rotation, no
colour-profile conversion. ``python -m clipn_models.transform --size 64 --out DIR FILE...`` writes one raw uint8 [S, S, 3] per file.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from torchvision.transforms import CenterCrop, InterpolationMode, Resize


def reference(path: Path | str, size: int) -> np.ndarray:
    """uint8 [size, size, 3] of an image file."""
    with Image.open(path) as image:
        image = Resize(size, interpolation=InterpolationMode.BICUBIC)(image)
        return np.asarray(CenterCrop(size)(image).convert("RGB"))


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
