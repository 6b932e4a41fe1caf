"""Photographs on disk -> packs: one uint8 array and one label array per split.

Training reads hundreds of thousands of small photographs many times over; decoding each of them once
and memory-mapping the result costs a minute instead of a share of every epoch.

A pack directory holds, per split (e.g. ``tiny-train``):
  ``<split>.pixels.npy``  uint8 [N, S, S, 3]  RGB
  ``<split>.labels.npy``  int64 [N]           index into ``<split>.json``'s "classes" (captions: image index)
  ``<split>.json``        {"classes": [...]} or {"captions": [[five texts] ...]}
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

LARGE_SIDE = 96
"""Side in pixels at which photographs larger than a thumbnail are packed: room for crops at 64."""


@dataclass(frozen=True)
class Pack:
    """One split in memory-mapped form."""

    name: str
    pixels: np.ndarray
    labels: np.ndarray
    classes: list[str]
    captions: list[list[str]]

    def __len__(self) -> int:
        return len(self.labels)


def load_pack(root: Path, name: str) -> Pack:
    """Opens a split; pixels stay on disk (memory map)."""
    meta = json.loads((root / f"{name}.json").read_text())
    return Pack(
        name=name,
        pixels=np.load(root / f"{name}.pixels.npy", mmap_mode="r"),
        labels=np.load(root / f"{name}.labels.npy"),
        classes=meta.get("classes", []),
        captions=meta.get("captions", []),
    )


def resize_and_crop(image: Image.Image, side: int) -> np.ndarray:
    """CLIP's transform: shorter side to ``side`` (bicubic, antialiased), then the centre square. uint8 [side, side, 3]."""
    image = image.convert("RGB")
    w, h = image.size
    size = (side, int(side * h / w)) if w <= h else (int(side * w / h), side)
    image = image.resize(size, Image.Resampling.BICUBIC) if image.size != size else image
    left, top = round((size[0] - side) / 2.0), round((size[1] - side) / 2.0)
    return np.asarray(image.crop((left, top, left + side, top + side)), dtype=np.uint8)


def _read(job: tuple[str, int]) -> np.ndarray:
    path, side = job
    with Image.open(path) as image:
        return resize_and_crop(image, side)


def write_pack(root: Path, name: str, files: list[Path], labels: list[int], side: int, meta: dict) -> None:
    """Decodes ``files`` with all cores and writes the split."""
    pixels = np.lib.format.open_memmap(root / f"{name}.pixels.npy", mode="w+", dtype=np.uint8, shape=(len(files), side, side, 3))
    with ProcessPoolExecutor() as pool:
        for i, array in enumerate(pool.map(_read, ((str(f), side) for f in files), chunksize=256)):
            pixels[i] = array
    pixels.flush()
    np.save(root / f"{name}.labels.npy", np.asarray(labels, dtype=np.int64))
    (root / f"{name}.json").write_text(json.dumps(meta))
    print(f"{name}: {len(files)} images at {side} px, {len(meta.get('classes', []))} classes", flush=True)


def _tiny_imagenet(source: Path) -> Iterator[tuple[str, list[Path], list[int], int, dict]]:
    wnids = sorted((source / "wnids.txt").read_text().split())
    index = {wnid: i for i, wnid in enumerate(wnids)}
    files, labels = [], []
    for wnid in wnids:
        for f in sorted((source / "train" / wnid / "images").glob("*.JPEG")):
            files.append(f)
            labels.append(index[wnid])
    yield "tiny-train", files, labels, 64, {"classes": wnids}
    rows = [line.split("\t")[:2] for line in (source / "val" / "val_annotations.txt").read_text().splitlines()]
    yield "tiny-val", [source / "val" / "images" / r[0] for r in rows], [index[r[1]] for r in rows], 64, {"classes": wnids}


def _cifar100(source: Path) -> Iterator[tuple[str, list[Path], list[int], int, dict]]:
    classes = sorted(p.name for p in (source / "train").iterdir() if p.is_dir())
    for split in ("train", "test"):
        files, labels = [], []
        for i, name in enumerate(classes):
            for f in sorted((source / split / name).glob("*.png")):
                files.append(f)
                labels.append(i)
        yield f"cifar-{split}", files, labels, 32, {"classes": classes}


def _caltech101(source: Path) -> Iterator[tuple[str, list[Path], list[int], int, dict]]:
    lists = {s: (source / f"{s}.txt").read_text().split() for s in ("train", "test")}
    # BACKGROUND_Google is a bag of everything: it has no name to learn.
    lists = {s: [r for r in rows if not r.startswith("BACKGROUND")] for s, rows in lists.items()}
    classes = sorted({r.split("/")[0] for r in lists["train"]})
    for split, rows in lists.items():
        files = [source / "101_ObjectCategories" / r for r in rows]
        yield f"caltech-{split}", files, [classes.index(r.split("/")[0]) for r in rows], LARGE_SIDE, {"classes": classes}


def _flickr8k(source: Path) -> Iterator[tuple[str, list[Path], list[int], int, dict]]:
    captions: dict[str, list[str]] = {}
    for line in (source / "Flickr8k_text" / "Flickr8k.token.txt").read_text().splitlines():
        key, text = line.split("\t", 1)
        captions.setdefault(key.split("#")[0], []).append(text)
    for split, listing in (("train", "trainImages"), ("test", "testImages")):
        names = [n for n in (source / "Flickr8k_text" / f"Flickr_8k.{listing}.txt").read_text().split() if (source / n).exists()]
        yield f"flickr-{split}", [source / n for n in names], list(range(len(names))), LARGE_SIDE, {"captions": [captions[n] for n in names]}


SOURCES = {"tiny-imagenet": _tiny_imagenet, "cifar100": _cifar100, "caltech101": _caltech101, "flickr8k": _flickr8k}


def prepare(sources: dict[str, Path], out: Path) -> None:
    """Packs every given source (see SOURCES for the names) into ``out``; splits already there are kept."""
    out.mkdir(parents=True, exist_ok=True)
    for name, path in sources.items():
        for split, files, labels, side, meta in SOURCES[name](path):
            if (out / f"{split}.json").exists():
                print(f"{split}: kept")
                continue
            write_pack(out, split, files, labels, side, meta)
