"""The use of each photograph: training views, both draws of classes set apart, and test photographs of seen classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .apart import DRAWS, Apart
from .cache import Task, tasks_of
from .sources import PhotoSet

PER_CLASS = {
    "tiny-train": 60,
    "cifar-train": 30,
    "caltech-train": 60,
    "mini": 60,
    "food": 90,
    "dogs": 50,
    "scenes": 300,
    "grocery-train": 1000,
    "cars": 1000,
    "trash": 100,
    "imagenette": 100,
}
CAPTIONED = {"flickr": 6000, "web": 9000, "feedme": 1008}
HELD_OUT = {"test": 30, "choice": 20}
SEEN = {"tiny-val": 10, "caltech-test": 1000, "cifar-test": 10}


@dataclass(frozen=True)
class Part:
    """Rows of one set: photographs, their classes in the set (-1 where they have captions) and the tasks that compute them."""

    name: str
    rows: np.ndarray
    labels: np.ndarray
    tasks: tuple[Task, ...]


def _some(photos: PhotoSet, keep: set[int], each: int, rng: np.random.Generator) -> np.ndarray:
    """Up to ``each`` rows of every class of ``keep``, in random order."""
    labels = np.array(photos.labels)
    rows = [rng.permutation(np.flatnonzero(labels == c))[:each] for c in sorted(keep)]
    return rng.permutation(np.concatenate(rows)) if rows else np.empty(0, np.int64)


def _part(photos: PhotoSet, rows: np.ndarray, use: str, view: str, size: int, folder: Path, seed: int) -> Part:
    paths = [photos.paths[i] for i in rows]
    tasks = tasks_of(f"{photos.name}.{use}", paths, view, size, folder, seed)
    return Part(photos.name, rows, np.array(photos.labels)[rows], tuple(tasks))


def training(sets: dict[str, PhotoSet], apart: Apart, size: int, folder: Path, view: int = 0) -> list[Part]:
    """Augmented random views of the photographs that may be used in training. ``view`` numbers further views of the same photographs."""
    parts = []
    for name, each in PER_CLASS.items():
        photos = sets[name]
        free = {i for i, c in enumerate(photos.categories) if not apart.covers(c)}
        parts.append(_part(photos, _some(photos, free, each, np.random.default_rng([1, len(parts)])), "train", "random", size, folder, 100 + view))
    for name, count in CAPTIONED.items():
        photos = sets[name]
        free = np.array([i for i, c in enumerate(photos.captions) if not any(apart.mentions(text) for text in c)])
        rows = np.random.default_rng([2, len(parts)]).permutation(free)[:count]
        parts.append(_part(photos, rows, "train", "random", size, folder, 100 + view))
    return parts


def held_out(sets: dict[str, PhotoSet], apart: Apart, draw: str, size: int, folder: Path, view: str = "centre", each: int | None = None) -> list[Part]:
    """Photographs of the classes of a draw, as the service decodes them (or treated, ``cache.TREATMENTS``)."""
    parts = []
    for number, name in enumerate(DRAWS[draw]):
        rows = _some(sets[name], set(apart.classes[draw][name]), HELD_OUT[draw], np.random.default_rng([3, number]))
        if each is not None:
            rows = _first_of_each(rows, np.array(sets[name].labels), each)
        parts.append(_part(sets[name], rows, draw if each is None else f"{draw}{each}", view, size, folder, 0))
    return parts


def _first_of_each(rows: np.ndarray, labels: np.ndarray, each: int) -> np.ndarray:
    seen: dict[int, int] = {}
    out = []
    for row in rows:
        seen[labels[row]] = seen.get(labels[row], 0) + 1
        if seen[labels[row]] <= each:
            out.append(row)
    return np.array(out)


def seen(sets: dict[str, PhotoSet], size: int, folder: Path) -> list[Part]:
    """Test photographs of all classes of the sets that training has seen; some of those classes are set apart."""
    return [
        _part(
            sets[name], _some(sets[name], set(range(len(sets[name].categories))), each, np.random.default_rng([4, number])), "seen", "centre", size, folder, 0
        )
        for number, (name, each) in enumerate(SEEN.items())
    ]
