"""Photographs -> the crops that training sees: torchvision's RandomResizedCrop on PIL images, drawn by a hash of the name."""

from __future__ import annotations

import hashlib
import io
import math
from pathlib import Path

import numpy as np
from PIL import Image


def crop_box(key: str, view: int, width: int, height: int, scale: tuple[float, float]) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of view ``view`` of the image ``key``, the same in every run and on every machine.

    The area is uniform in ``scale`` of the whole, and the aspect ratio log-uniform in [3/4, 4/3]. If ten draws do not fit, the box is
    the largest centred one of an allowed ratio. These are RandomResizedCrop's rules and open_clip's training transform.
    """
    seed = hashlib.blake2b(f"{view}:{key}".encode(), digest_size=8).digest()
    rng = np.random.default_rng(int.from_bytes(seed, "little"))
    for _ in range(10):
        area = width * height * rng.uniform(*scale)
        ratio = math.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
            return left, top, left + w, top + h
    ratio = min(max(width / height, 3 / 4), 4 / 3)
    w, h = min(width, max(1, round(height * ratio))), min(height, max(1, round(width / ratio)))
    left, top = (width - w) // 2, (height - h) // 2
    return left, top, left + w, top + h


def to_rgb(image: Image.Image) -> Image.Image:
    """RGB before resizing, because colours between two entries of a palette are not in the palette. Transparent pixels become white."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def decode(image: bytes | Path) -> tuple[Image.Image, int]:
    """The photograph in RGB and the first 63 bits of its file's hash. Raises Pillow's errors for files that are not images."""
    data = image.read_bytes() if isinstance(image, Path) else image
    with Image.open(io.BytesIO(data)) as opened:
        return to_rgb(opened), fingerprint(data)


def fingerprint(data: bytes) -> int:
    """63 bits of a hash, so that millions of files or texts can be compared for equality at once."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little") >> 1


def view_of(image: Image.Image, key: str, view: int, size: int, scale: tuple[float, float]) -> np.ndarray:
    """uint8 [size, size, 3] of one crop, bicubic and antialiased as Pillow resizes."""
    return np.asarray(image.crop(crop_box(key, view, *image.size, scale)).resize((size, size), Image.Resampling.BICUBIC), np.uint8)
