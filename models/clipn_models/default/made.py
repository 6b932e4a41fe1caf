"""Synthetic pictures without a subject, as training data of the no side: they belong to no class of any tenant.

Photographs of named things alone do not teach the appearance of pictures without a subject. These pictures and those of ``strange``,
which measure the result, come from different programs: there are no letters, digits or desktop windows here.
  strokes   smooth curves of a pen on plain ground
  noise     grey or coloured, white to smooth (a spectrum falling with 1/f^k), as flames, clouds, sand and static are
  patterns  stripes, checks, dots and gradients, distorted
  shapes    flat polygons and ellipses, as charts and logos have
  rows      rows of small random marks, as illegible scripts
  depth     smooth grey volumes, as slices through a body
  scraps    an enlarged small piece of a training photograph, or its pieces in random order: surface without shape
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    if rng.random() < 0.4:
        return (int(rng.integers(0, 256)),) * 3
    return tuple(int(v) for v in rng.integers(0, 256, 3))


def _ground(rng: np.random.Generator) -> tuple[int, int, int]:
    return _colour(rng) if rng.random() < 0.5 else (int(rng.choice([0, 255])),) * 3


def strokes(size: int, rng: np.random.Generator) -> Image.Image:
    ground = _ground(rng)
    ink = tuple(255 - v for v in ground) if rng.random() < 0.6 else _colour(rng)
    image = Image.new("RGB", (size, size), ground)
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(1, 9)):
        points = rng.uniform(0, size, (4, 2))
        t = np.linspace(0, 1, 40)[:, None]
        curve = (1 - t) ** 3 * points[0] + 3 * t * (1 - t) ** 2 * points[1] + 3 * t**2 * (1 - t) * points[2] + t**3 * points[3]
        draw.line([tuple(p) for p in curve], fill=ink if rng.random() < 0.7 else _colour(rng), width=int(rng.integers(1, size // 20)), joint="curve")
    return image


def _spectrum(size: int, falling: float, rng: np.random.Generator, stretch: float = 1.0) -> np.ndarray:
    """float [size, size], mean 0, deviation 1."""
    fy, fx = np.meshgrid(np.fft.fftfreq(size) * stretch, np.fft.rfftfreq(size) / stretch, indexing="ij")
    f = np.hypot(fx, fy)
    f[0, 0] = np.inf
    field = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(size, size))) * f**-falling, s=(size, size))
    return (field - field.mean()) / (field.std() + 1e-9)


def _picture(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def noise(size: int, rng: np.random.Generator) -> Image.Image:
    falling, stretch, contrast = rng.uniform(0, 2.2), np.exp(rng.uniform(-1, 1)), rng.uniform(5, 80)
    field = _spectrum(size, falling, rng, stretch)
    if rng.random() < 0.3:
        field = np.abs(field) * 2 - 1.5
    if rng.random() < 0.5:
        return _picture(rng.uniform(30, 225) + contrast * np.repeat(field[..., None], 3, -1))
    second = _spectrum(size, falling, rng, stretch)
    return _picture(np.array(_colour(rng)) + contrast * (field[..., None] * rng.normal(size=3) + second[..., None] * rng.normal(size=3) * 0.5))


def patterns(size: int, rng: np.random.Generator) -> Image.Image:
    y, x = np.mgrid[0:size, 0:size] / size
    bend = rng.uniform(0, 0.06) * (rng.random() < 0.6)
    x, y = x + bend * _spectrum(size, 1.8, rng), y + bend * _spectrum(size, 1.8, rng)
    angle, count = rng.uniform(0, np.pi), np.exp(rng.uniform(0, np.log(size / 5)))
    u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    field = [
        lambda: np.sin(2 * np.pi * count * u),
        lambda: np.sin(2 * np.pi * count * u) * np.sin(2 * np.pi * count * rng.uniform(0.5, 2) * v),
        lambda: np.hypot((count * u) % 1 - 0.5, (count * v) % 1 - 0.5) * 4 - 1.5,
        lambda: 2 * u - 1,
        lambda: np.zeros_like(u),
    ][rng.integers(0, 5)]()
    if rng.random() < 0.4:
        field = np.sign(field - rng.uniform(-0.5, 0.5))
    share = np.clip(field, -1, 1)[..., None] / 2 + 0.5
    return _picture(
        share * np.array(_colour(rng)) + (1 - share) * np.array(_colour(rng)) + rng.uniform(0, 10) * (rng.random() < 0.5) * rng.normal(size=(size, size, 1))
    )


def shapes(size: int, rng: np.random.Generator) -> Image.Image:
    image = Image.new("RGB", (size, size), _ground(rng))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(1, 14)):
        centre, radius = rng.uniform(0, size, 2), rng.uniform(size / 30, size / 3)
        fill = _colour(rng) if rng.random() < 0.7 else None
        outline = _colour(rng)
        if rng.random() < 0.4:
            draw.ellipse([*(centre - radius), *(centre + radius * rng.uniform(0.3, 1))], fill=fill, outline=outline, width=int(rng.integers(1, 5)))
        else:
            turns = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 8)))
            points = [tuple(centre + radius * np.array([np.cos(a), np.sin(a)])) for a in turns]
            draw.polygon(points, fill=fill, outline=outline)
    return image


def rows(size: int, rng: np.random.Generator) -> Image.Image:
    ground = _ground(rng)
    image = Image.new("RGB", (size, size), ground)
    draw = ImageDraw.Draw(image)
    ink = tuple(255 - v for v in ground) if rng.random() < 0.7 else _colour(rng)
    height = int(rng.integers(5, size // 8))
    margin, y = rng.uniform(0, size / 6), rng.uniform(0, size / 6)
    while y + height < size:
        x, end = margin, size - margin - rng.uniform(0, size / 2) * (rng.random() < 0.3)
        while x < end:
            width = height * rng.uniform(0.3, 0.9)
            for _ in range(rng.integers(1, 4)):
                a, b = rng.uniform(0, 1, 2) * (width, height), rng.uniform(0, 1, 2) * (width, height)
                draw.line([x + a[0], y + a[1], x + b[0], y + b[1]], fill=ink, width=max(1, height // 8))
            x += width * (1.2 if rng.random() < 0.85 else 2.2)
        y += height * rng.uniform(1.2, 2.0)
    return image


def depth(size: int, rng: np.random.Generator) -> Image.Image:
    y, x = np.mgrid[0:size, 0:size] / size
    field = np.zeros((size, size))
    for _ in range(rng.integers(3, 14)):
        cx, cy, sx, sy = *rng.uniform(0.15, 0.85, 2), *np.exp(rng.uniform(np.log(0.03), np.log(0.4), 2))
        bump = np.exp(-(((x - cx) / sx) ** 2) - ((y - cy) / sy) ** 2)
        if rng.random() < 0.4:
            bump = np.clip(bump * 4 - 1.5, 0, 1)
        field += rng.normal() * bump
    field += rng.uniform(0, 0.25) * _spectrum(size, rng.uniform(0.5, 1.5), rng)
    field = (field - field.min()) / (np.ptp(field) + 1e-9)
    return _picture(np.repeat((field * rng.uniform(120, 255))[..., None], 3, -1))


def scraps(size: int, rng: np.random.Generator, photograph: Image.Image) -> Image.Image:
    if rng.random() < 0.5:
        part = min(photograph.size) * rng.uniform(0.04, 0.15)
        x, y = rng.uniform(0, photograph.width - part), rng.uniform(0, photograph.height - part)
        return photograph.resize((size, size), Image.Resampling.BICUBIC, box=(x, y, x + part, y + part))
    count = int(rng.choice([7, 14, 28]))
    tile = size // count
    pixels = np.asarray(photograph.resize((tile * count, tile * count), Image.Resampling.BICUBIC))
    tiles = pixels.reshape(count, tile, count, tile, 3).swapaxes(1, 2).reshape(-1, tile, tile, 3)
    tiles = tiles[rng.permutation(len(tiles))].reshape(count, count, tile, tile, 3).swapaxes(1, 2)
    return Image.fromarray(tiles.reshape(count * tile, count * tile, 3))


KINDS = (strokes, noise, patterns, shapes, rows, depth)


def made(number: int, size: int, rng: np.random.Generator, photograph: Image.Image) -> Image.Image:
    """The picture of this number: the kinds in turn, every seventh a scrap of the photograph."""
    kind = number % (len(KINDS) + 1)
    image = scraps(size, rng, photograph) if kind == len(KINDS) else KINDS[kind](size, rng)
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 3))) if rng.random() < 0.15 else image
