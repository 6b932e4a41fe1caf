"""Pictures of other kinds than photographs, for measurements: examples of images that a service may receive by mistake. None is used in training.

text         pages of letters and digits in the font that Pillow carries
drawings     houses, stick figures, suns and trees of straight lines, as a child or a whiteboard has them
screenshots  windows with title bars, buttons, lists and text
greynoise    independent grey values for each pixel
solid        one colour
xray         bright ribs and a spine on dark soft tissue, grey
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz"))


def _word(rng: np.random.Generator) -> str:
    return str(rng.integers(0, 10_000)) if rng.random() < 0.1 else "".join(rng.choice(LETTERS, rng.integers(1, 11)))


def _line(rng: np.random.Generator, words: int) -> str:
    return " ".join(_word(rng) for _ in range(words)).capitalize()


def text(rng: np.random.Generator, size: int = 448) -> Image.Image:
    dark = rng.random() < 0.2
    paper, ink = ((20, 20, 24), (230, 230, 230)) if dark else ((255 - int(rng.integers(0, 20)),) * 3, (int(rng.integers(0, 70)),) * 3)
    image = Image.new("RGB", (size, int(size * rng.uniform(0.7, 1.4))), paper)
    draw = ImageDraw.Draw(image)
    height = int(rng.integers(9, 40))
    font, y = ImageFont.load_default(height), int(rng.integers(4, 40))
    while y < image.height - height:
        if rng.random() > 0.12:
            draw.text((size // 20, y), _line(rng, max(1, int(size / height / rng.uniform(2.5, 5)))), fill=ink, font=font)
        y += int(height * 1.35)
    return image


def drawings(rng: np.random.Generator, size: int = 400) -> Image.Image:
    image = Image.new("RGB", (size, size), "white")
    draw = ImageDraw.Draw(image)
    pen = {"fill": (0, 0, 0) if rng.random() < 0.6 else tuple(int(v) for v in rng.integers(0, 160, 3)), "width": int(rng.integers(2, 7))}
    for _ in range(rng.integers(1, 5)):
        x, y, s = *rng.uniform(0.1, 0.7, 2) * size, size * rng.uniform(0.12, 0.35)
        what = rng.integers(0, 4)
        if what == 0:
            draw.line([(x, y), (x + s, y), (x + s, y + s), (x, y + s), (x, y), (x + s / 2, y - s / 2), (x + s, y)], **pen)
            draw.line([(x + s * 0.4, y + s), (x + s * 0.4, y + s * 0.5), (x + s * 0.6, y + s * 0.5), (x + s * 0.6, y + s)], **pen)
        elif what == 1:
            draw.ellipse([x, y, x + s / 3, y + s / 3], outline=pen["fill"], width=pen["width"])
            draw.line([(x + s / 6, y + s / 3), (x + s / 6, y + s * 0.8)], **pen)
            for end in ((0, s * 1.2), (s / 3, s * 1.2)):
                draw.line([(x + s / 6, y + s * 0.8), (x + end[0], y + end[1])], **pen)
            draw.line([(x - s * 0.1, y + s * 0.5), (x + s * 0.43, y + s * 0.5)], **pen)
        elif what == 2:
            draw.ellipse([x, y, x + s / 2, y + s / 2], outline=pen["fill"], width=pen["width"])
            for angle in np.arange(0, 2 * np.pi, np.pi / 4):
                d = np.array([np.cos(angle), np.sin(angle)])
                draw.line([tuple(np.array([x + s / 4, y + s / 4]) + d * s * 0.32), tuple(np.array([x + s / 4, y + s / 4]) + d * s * 0.5)], **pen)
        else:
            draw.line([(x, y + s), (x, y + s * 0.4)], **pen)
            draw.ellipse([x - s / 4, y - s * 0.1, x + s / 4, y + s * 0.4], outline=pen["fill"], width=pen["width"])
    return image


def screenshots(rng: np.random.Generator, size: int = 640) -> Image.Image:
    light = rng.random() < 0.7
    ground, panel, ink = ((240,) * 3, (255,) * 3, (30,) * 3) if light else ((30, 30, 36), (45, 45, 52), (220,) * 3)
    accent = tuple(int(v) for v in rng.integers(0, 256, 3))
    image = Image.new("RGB", (size, size * 3 // 4), ground)
    draw = ImageDraw.Draw(image)
    small, big = ImageFont.load_default(12), ImageFont.load_default(18)
    draw.rectangle([0, 0, size, 28], fill=accent if rng.random() < 0.5 else panel)
    draw.text((10, 4), _line(rng, 3), fill=ink, font=big)
    for i in range(3):
        draw.ellipse([size - 24 * (i + 1), 8, size - 24 * (i + 1) + 12, 20], fill=accent)
    side = int(rng.integers(100, 200))
    draw.rectangle([0, 28, side, image.height], fill=panel)
    for row in range(int(rng.integers(5, 14))):
        draw.text((10, 40 + row * 26), _line(rng, 2), fill=ink, font=small)
    for row in range(int(rng.integers(4, 12))):
        y = 44 + row * 34
        draw.rounded_rectangle([side + 12, y, size - 12, y + 28], 4, fill=panel, outline=accent if rng.random() < 0.2 else None)
        draw.text((side + 20, y + 6), _line(rng, int(rng.integers(2, 8))), fill=ink, font=small)
    draw.rounded_rectangle([size - 110, image.height - 40, size - 14, image.height - 12], 6, fill=accent)
    return image


def greynoise(rng: np.random.Generator, size: int = 256) -> Image.Image:
    values = rng.normal(rng.uniform(90, 165), rng.uniform(15, 80), (size, size)) if rng.random() < 0.5 else rng.integers(0, 256, (size, size))
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).convert("RGB")


def solid(rng: np.random.Generator, size: int = 256) -> Image.Image:
    return Image.new("RGB", (size, size), tuple(int(v) for v in rng.integers(0, 256, 3)))


def xray(rng: np.random.Generator, size: int = 320) -> Image.Image:
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    field = 0.35 * np.exp(-((x / 0.36) ** 4) - (y / 0.5) ** 4) + 0.5 * np.exp(-((x / rng.uniform(0.03, 0.06)) ** 2))
    for side in (-1, 1):
        lung = ((x - side * 0.2) / 0.15) ** 2 + (y / 0.34) ** 2
        field -= 0.22 * np.exp(-(lung**2))
        for k in range(int(rng.integers(6, 10))):
            centre = -0.4 + k * rng.uniform(0.085, 0.1)
            field += 0.22 * np.exp(-(((y - centre - 0.9 * (x - side * 0.2) ** 2) / 0.012) ** 2)) * (side * x > 0.03) * (np.abs(x) < 0.36)
    field += rng.normal(0, 0.02, field.shape)
    image = Image.fromarray(np.clip(field * 255 * rng.uniform(0.8, 1.2), 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(1))
    return image.convert("RGB")


KINDS: dict[str, Callable[[np.random.Generator], Image.Image]] = {
    "text": text,
    "drawings": drawings,
    "screenshots": screenshots,
    "greynoise": greynoise,
    "solid": solid,
    "xray": xray,
}


def pictures(kind: str, count: int, seed: int = 7) -> list[Image.Image]:
    """RGB pictures of one kind, the same for a seed."""
    return [KINDS[kind](np.random.default_rng([seed, list(KINDS).index(kind), i])) for i in range(count)]
