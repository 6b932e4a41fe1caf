"""Pictures of nothing that has a name: what no class of any tenant fits, for the no tower to learn from.

Photographs of named things alone teach the no tower what other things look like, not what no thing looks like. Four kinds, drawn at random:
  strokes   bent lines of one pen on plain ground,
  noise     grey or coloured, white to smooth (a spectrum falling with 1/f^k), as flames, clouds, sand and static are,
  patterns  stripes, checks and gradients, distorted,
  scraps    a small piece of a training photograph enlarged, or its pieces in disorder: surface without shape.
Digits, letters and texture photographs are not among them: those are what is measured with.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter


def _colour(rng: np.random.Generator) -> np.ndarray:
    grey = rng.random() < 0.5
    return np.repeat(rng.integers(0, 256), 3) if grey else rng.integers(0, 256, 3)


def strokes(size: int, rng: np.random.Generator) -> np.ndarray:
    ground = _colour(rng) if rng.random() < 0.5 else np.repeat(rng.choice([0, 255]), 3)
    ink = 255 - ground if rng.random() < 0.7 else _colour(rng)
    side = max(8, size // int(rng.choice([1, 1, 2, 4, 8])))  # smooth lines, or as on a coarse grid
    image = Image.new("RGB", (side, side), tuple(int(v) for v in ground))
    draw = ImageDraw.Draw(image)
    width = max(1, round(side * rng.uniform(0.02, 0.15)))
    for _ in range(rng.integers(1, 5)):
        at, heading, turn = rng.uniform(0.2, 0.8, 2) * side, rng.uniform(0, 2 * np.pi), rng.normal(0, 0.3)
        line = [tuple(at)]
        for _ in range(rng.integers(2, 14)):
            at = at + side * 0.08 * np.array([np.cos(heading), np.sin(heading)])
            heading += turn + rng.normal(0, 0.2)
            line.append(tuple(at))
        draw.line(line, fill=tuple(int(v) for v in ink), width=width, joint="curve")
    if rng.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(side * rng.uniform(0, 0.02)))
    return np.asarray(image.resize((size, size), Image.Resampling.NEAREST if rng.random() < 0.5 else Image.Resampling.BILINEAR))


def _spectrum(size: int, falling: float, rng: np.random.Generator, stretch: float = 1.0) -> np.ndarray:
    """float [size, size], mean 0, deviation 1."""
    fy, fx = np.meshgrid(np.fft.fftfreq(size) * stretch, np.fft.rfftfreq(size) / stretch, indexing="ij")
    f = np.hypot(fx, fy)
    f[0, 0] = np.inf
    phase = np.fft.rfft2(rng.normal(size=(size, size)))
    field = np.fft.irfft2(phase * f**-falling, s=(size, size))
    return (field - field.mean()) / (field.std() + 1e-9)


def _pixels(values: np.ndarray) -> np.ndarray:
    return np.clip(values, 0, 255).astype(np.uint8)


def noise(size: int, rng: np.random.Generator) -> np.ndarray:
    falling, stretch = rng.uniform(0, 2), np.exp(rng.uniform(-1, 1))
    field = _spectrum(size, falling, rng, stretch)
    if rng.random() < 0.3:  # veins, cracks
        field = np.abs(field) * 2 - 1.5
    contrast = rng.uniform(10, 70)
    if rng.random() < 0.4:
        return _pixels(rng.uniform(40, 215) + contrast * np.repeat(field[..., None], 3, -1))
    axis = rng.normal(size=3)
    second = _spectrum(size, falling, rng, stretch)
    return _pixels(_colour(rng) + contrast * (field[..., None] * axis + second[..., None] * rng.normal(size=3) * rng.uniform(0, 0.6)))


def patterns(size: int, rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[0:size, 0:size] / size
    bend = rng.uniform(0, 0.06)
    x = x + bend * _spectrum(size, 1.8, rng)
    y = y + bend * _spectrum(size, 1.8, rng)
    angle, count = rng.uniform(0, np.pi), np.exp(rng.uniform(0, np.log(size / 4)))
    u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    kind = rng.integers(0, 4)
    if kind == 0:
        field = np.sin(2 * np.pi * count * u)
    elif kind == 1:
        field = np.sin(2 * np.pi * count * u) * np.sin(2 * np.pi * count * rng.uniform(0.5, 2) * v)
    elif kind == 2:
        field = np.hypot((count * u) % 1 - 0.5, (count * v) % 1 - 0.5) * 4 - 1.5
    else:
        field = 2 * u - 1
    if rng.random() < 0.5:
        field = np.sign(field - rng.uniform(-0.5, 0.5))
    share = np.clip(field, -1, 1)[..., None] / 2 + 0.5
    return _pixels(share * _colour(rng) + (1 - share) * _colour(rng) + rng.uniform(0, 12) * rng.normal(size=(size, size, 1)))


def scraps(size: int, rng: np.random.Generator, photograph: np.ndarray) -> np.ndarray:
    image = Image.fromarray(photograph)
    side = image.width
    if rng.random() < 0.5:
        part = side * rng.uniform(0.1, 0.25)
        x, y = rng.uniform(0, side - part, 2)
        piece = image.resize((size, size), Image.Resampling.BICUBIC, box=(x, y, x + part, y + part))
        if rng.random() < 0.5:  # repeated, mirrored: a surface with no edge
            small = np.asarray(piece.resize((size // 2, size // 2), Image.Resampling.BICUBIC))
            row = np.concatenate([small, small[:, ::-1]], 1)
            return np.concatenate([row, row[::-1]], 0)
        return np.asarray(piece)
    count = int(rng.choice([8, 16]))
    pixels = np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))
    tile = size // count
    tiles = pixels[: tile * count, : tile * count].reshape(count, tile, count, tile, 3).swapaxes(1, 2).reshape(-1, tile, tile, 3)
    tiles = tiles[rng.permutation(len(tiles))]
    return tiles.reshape(count, count, tile, tile, 3).swapaxes(1, 2).reshape(count * tile, count * tile, 3)


def made(count: int, size: int, photographs: np.ndarray, seed: int) -> np.ndarray:
    """uint8 [count, size, size, 3], the four kinds in turn; ``size`` a multiple of 16. ``photographs`` uint8 [N, S, S, 3] to take scraps from."""
    rng = np.random.default_rng(seed)
    out = np.empty((count, size, size, 3), np.uint8)
    for i in range(count):
        kind = i % 4
        if kind == 3:
            out[i] = scraps(size, rng, photographs[rng.integers(0, len(photographs))])
        else:
            out[i] = (strokes, noise, patterns)[kind](size, rng)
    return out
