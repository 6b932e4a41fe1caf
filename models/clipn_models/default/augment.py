"""Augmentations for the conditions in which photographs reach a service: cropped, resampled, compressed, blurred, grey.

Each result depends on the generator alone, so a run can be repeated.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

FILTERS = (Image.Resampling.BICUBIC, Image.Resampling.BILINEAR, Image.Resampling.LANCZOS, Image.Resampling.BOX, Image.Resampling.NEAREST)


def open_photo(path: Path) -> Image.Image:
    """RGB. A white letterbox is removed if a ``.json`` beside the photograph gives its original width and height."""
    image = Image.open(path)
    image.draft("RGB", (512, 512))
    image = image.convert("RGB")
    about = path.with_suffix(".json")
    if about.exists():
        content = json.loads(about.read_text())
        if {"original_width", "original_height"} <= content.keys():
            w, h = content["original_width"], content["original_height"]
            scale = min(image.width / w, image.height / h)
            w, h = max(1, int(w * scale)), max(1, int(h * scale))
            left, top = (image.width - w) // 2, (image.height - h) // 2
            image = image.crop((left, top, left + w, top + h))
    return image


def centre(image: Image.Image, size: int) -> Image.Image:
    """The service's transform: shorter side to ``size`` (bicubic, antialiased), centre crop."""
    w, h = image.size
    w, h = (size, int(size * h / w)) if w <= h else (int(size * w / h), size)
    image = image.resize((w, h), Image.Resampling.BICUBIC)
    left, top = round((w - size) / 2), round((h - size) / 2)
    return image.crop((left, top, left + size, top + size))


def random_view(image: Image.Image, size: int, rng: np.random.Generator, least: float = 0.4) -> Image.Image:
    """A random crop (``least`` to all of the area, sides 3:4 to 4:3) at ``size``, mirrored half of the time."""
    w, h = image.size
    area, ratio = w * h * rng.uniform(least, 1.0), np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
    cw, ch = min(w, max(1.0, np.sqrt(area * ratio))), min(h, max(1.0, np.sqrt(area / ratio)))
    left, top = rng.uniform(0, max(0.0, w - cw)), rng.uniform(0, max(0.0, h - ch))
    image = image.resize((size, size), Image.Resampling.BICUBIC, box=(left, top, left + cw, top + ch))
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else image


def compressed(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def thumbnail(image: Image.Image, side: int, how: Image.Resampling = Image.Resampling.BICUBIC) -> Image.Image:
    """Shorter side at most ``side`` pixels."""
    scale = side / min(image.size)
    return image if scale >= 1 else image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))), how)


def small_jpeg(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A thumbnail of 40 to 110 px, compressed at a quality of 40 to 91."""
    image = thumbnail(image, int(np.exp(rng.uniform(np.log(40), np.log(110)))), FILTERS[rng.integers(len(FILTERS))])
    return compressed(image, int(rng.integers(40, 92)))


def worn(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Random degradations: reduced size, compression, blur, noise, grey; each with its own probability."""
    if rng.random() < 0.4:
        image = thumbnail(image, int(np.exp(rng.uniform(np.log(40), np.log(256)))), FILTERS[rng.integers(len(FILTERS))])
    if rng.random() < 0.5:
        image = compressed(image, int(rng.integers(25, 98)))
    if rng.random() < 0.08:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, max(0.6, 0.008 * max(image.size)))))
    if rng.random() < 0.08:
        noise = rng.normal(0, rng.uniform(2, 16), (image.height, image.width, 3))
        image = Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))
    if rng.random() < 0.07:
        image = image.convert("L").convert("RGB")
    return image
