"""Photographs in one folder for each class: the folder's name is the class's name."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .pairs import DataError

ENDINGS = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True)
class Photographs:
    """``label`` int64 [N], an index into ``names``; ``paths`` in a fixed order."""

    paths: tuple[Path, ...]
    label: np.ndarray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)


def class_name(folder: str) -> str:
    """The class name of a folder: underscores become blanks."""
    return " ".join(folder.replace("_", " ").split())


def is_class_folder(path: Path) -> bool:
    return path.is_dir() and any(p.is_dir() for p in path.iterdir())


def read(roots: list[Path]) -> Photographs:
    """Every photograph below the sub-folders of ``roots``. A class may have photographs in several roots, and folders inside its own.

    Raises DataError if a root has no sub-folders or has photographs beside them, or if there is only one class.
    """
    found: dict[str, list[Path]] = {}
    for root in roots:
        if not root.is_dir():
            raise DataError(f"{root}: no such folder")
        folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
        loose = [p for p in root.iterdir() if p.suffix.lower() in ENDINGS]
        if not folders:
            raise DataError(f"{root}: has no sub-folders; the photographs of each class belong in a folder of its own, named like the class")
        if loose:
            raise DataError(f"{root}: {len(loose)} photographs are in no class's folder, such as {loose[0].name}")
        for folder in folders:
            photographs = [p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file()]
            found.setdefault(class_name(folder.name), []).extend(sorted(photographs))
    found = {name: paths for name, paths in sorted(found.items()) if paths}
    if len(found) < 2:
        raise DataError(f"{', '.join(map(str, roots))}: {len(found)} classes with photographs, at least two are needed")
    label = np.repeat(np.arange(len(found)), [len(p) for p in found.values()])
    return Photographs(tuple(p for paths in found.values() for p in paths), label, tuple(found))


def held_out(photographs: Photographs, share: float = 0.2) -> np.ndarray:
    """bool [N]: the photographs that figures are computed on, about ``share`` of each class, and at least one of a class that has two.

    Chosen by the hash of the file's name, so that a photograph keeps its part when others are added.
    """
    marks = np.array([int.from_bytes(hashlib.blake2b(p.name.encode(), digest_size=4).digest(), "big") for p in photographs.paths])
    out = np.zeros(len(photographs), bool)
    for c in range(len(photographs.names)):
        rows = np.flatnonzero(photographs.label == c)
        count = min(len(rows) - 1, max(1, round(share * len(rows))))
        out[rows[np.argsort(marks[rows], kind="stable")[:count]]] = True
    return out
