"""The photograph folders that the default is trained and measured on, as lists of files with class names or captions.

Each set is a folder below one root, in the layout of its public repository (models/README.md names them). Nothing is decoded here.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

IMAGES = {".jpg", ".jpeg", ".png"}


@dataclass(frozen=True)
class Category:
    """A class of a set: its names, the name for verdicts first, and its WordNet synset if the set has one."""

    names: tuple[str, ...]
    synset: str | None = None


@dataclass
class PhotoSet:
    """Photographs of one set. ``labels[i]`` is an index into ``categories``, or -1 if the photograph has captions instead."""

    name: str
    categories: list[Category] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    captions: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, path: Path, label: int = -1, captions: tuple[str, ...] = ()) -> None:
        self.paths.append(path)
        self.labels.append(label)
        self.captions.append(captions)


def _spoken(folder: str) -> str:
    """The class name of a folder: ``Saint_Bernard`` -> ``Saint Bernard``."""
    return re.sub(r"[\s_-]+", " ", folder).strip()


@lru_cache(maxsize=1)
def imagenet_names() -> dict[str, tuple[str, ...]]:
    """{synset: lemmas} of the 21,841 synsets of ImageNet, from timm's tables."""
    import timm.data

    table = Path(timm.data.__file__).parent / "_info" / "imagenet_synset_to_lemma.txt"
    rows = (line.rstrip("\n").split("\t") for line in table.read_text().splitlines())
    return {synset: tuple(name.strip() for name in lemmas.split(",")) for synset, lemmas in rows}


def imagenet_1k() -> list[Category]:
    """The thousand classes of the pretrained image tower's classifier, in its order."""
    import timm.data

    names = imagenet_names()
    table = Path(timm.data.__file__).parent / "_info" / "imagenet_synsets.txt"
    return [Category(names[synset], synset) for synset in table.read_text().split()]


def _folders(name: str, root: Path, category: Callable[[str], Category]) -> PhotoSet:
    """A folder per class."""
    out = PhotoSet(name)
    for label, folder in enumerate(sorted(d for d in root.iterdir() if d.is_dir())):
        out.categories.append(category(folder.name))
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in IMAGES:
                out.add(path, label)
    return out


def _synset(folder: str) -> Category:
    names = imagenet_names()
    synset = folder.split("-")[0]
    return Category(names[synset], synset)


def _named(folder: str) -> Category:
    return Category((_spoken(folder),))


def tiny_imagenet(root: Path, split: str) -> PhotoSet:
    root = root / "tiny-imagenet-200"
    if split == "train":
        return _folders("tiny-train", root / "train", _synset)
    synsets = sorted(d.name for d in (root / "train").iterdir())
    out = PhotoSet("tiny-val", [_synset(s) for s in synsets])
    for line in (root / "val" / "val_annotations.txt").read_text().splitlines():
        file, synset, *_ = line.split("\t")
        out.add(root / "val" / "images" / file, synsets.index(synset))
    return out


CALTECH = {
    "Faces": "human face",
    "Faces_easy": "close-up of a human face",
    "Leopards": "leopard",
    "Motorbikes": "motorbike",
    "airplanes": "airplane",
    "car_side": "car",
    "cougar_body": "cougar",
    "cougar_face": "face of a cougar",
    "crocodile_head": "head of a crocodile",
    "flamingo_head": "head of a flamingo",
    "garfield": "Garfield, the cartoon cat",
    "snoopy": "Snoopy, the cartoon dog",
    "inline_skate": "inline skate",
    "okapi": "okapi",
    "pyramid": "pyramid",
    "water_lilly": "water lily",
    "windsor_chair": "Windsor chair",
    "gerenuk": "gerenuk antelope",
    "joshua_tree": "Joshua tree",
    "brain": "human brain",
    "ketch": "ketch sailing boat",
    "schooner": "schooner sailing ship",
    "bass": "bass fish",
    "yin_yang": "yin and yang symbol",
    "cellphone": "mobile phone",
    "binocular": "binoculars",
    "chandelier": "chandelier",
    "stegosaurus": "stegosaurus dinosaur",
}


def caltech(root: Path, split: str) -> PhotoSet:
    """The lists of the repository; its background class has no name and is left out."""
    lines = [line.strip() for line in (root / f"{split}.txt").read_text().splitlines() if line.strip()]
    folders = sorted({line.split("/")[0] for line in lines} - {"BACKGROUND_Google"})
    out = PhotoSet(f"caltech-{split}", [Category((CALTECH.get(f, _spoken(f)),)) for f in folders])
    for line in lines:
        folder = line.split("/")[0]
        if folder in folders:
            out.add(root / "101_ObjectCategories" / line, folders.index(folder))
    return out


def grocery(root: Path, split: str) -> PhotoSet:
    root = root / "dataset"
    with (root / "classes.csv").open() as file:
        rows = list(csv.reader(file))[1:]
    out = PhotoSet(f"grocery-{split}")
    for name, _, coarse, *_ in rows:
        fine, kind = _spoken(name), _spoken(coarse)
        full = fine if kind.split()[-1].lower() in fine.lower() else f"{fine} {kind.lower()}"
        out.categories.append(Category((full,)))
    for line in (root / f"{split}.txt").read_text().splitlines():
        path, label, _ = (part.strip() for part in line.split(","))
        out.add(root / path, int(label))
    return out


def cars(root: Path) -> PhotoSet:
    """Line n of the list is the class, from 1, of photograph n."""
    names = car_names(root / "cars_meta.mat")
    out = PhotoSet("cars", [Category((n,)) for n in names])
    for number, line in enumerate((root / "train_perfect_preds.txt").read_text().split(), 1):
        out.add(root / "cars_train" / f"{number:05d}.jpg", int(line) - 1)
    return out


def car_names(path: Path) -> list[str]:
    """The 196 strings of a MATLAB 5 file. They are the only text elements of the file that contain a year, so no MATLAB reader is needed."""
    import zlib

    raw, at, found = path.read_bytes(), 128, []
    while at + 8 <= len(raw):
        kind, size = int.from_bytes(raw[at : at + 4], "little"), int.from_bytes(raw[at + 4 : at + 8], "little")
        body = raw[at + 8 : at + 8 + size]
        at += 8 + size
        if kind == 15:
            body = zlib.decompress(body)
        text = body[::2] if body[1:2] == b"\0" and b"\0A\0M\0" in body else body
        found += re.findall(rb"[A-Z][A-Za-z0-9][\x20-\x7e]{3,60}? (?:19|20)\d\d", text)
    names = [n.decode() for n in dict.fromkeys(found)]
    if len(names) != 196:
        raise ValueError(f"{path} names {len(names)} cars instead of 196")
    return names


def flickr(photos: Path, texts: Path) -> PhotoSet:
    out = PhotoSet("flickr")
    captions: dict[str, list[str]] = {}
    for line in (texts / "Flickr8k.token.txt").read_text().splitlines():
        key, text = line.split("\t", 1)
        captions.setdefault(key.split("#")[0], []).append(text.strip())
    for name in (texts / "Flickr_8k.trainImages.txt").read_text().split():
        if (photos / name).exists():
            out.add(photos / name, captions=tuple(captions[name]))
    return out


def web(root: Path) -> PhotoSet:
    """Web photographs with one caption each, in a white letterbox that ``augment.open_photo`` removes."""
    out = PhotoSet("web")
    for text in sorted(root.glob("*/*.txt")):
        if text.with_suffix(".jpg").exists():
            out.add(text.with_suffix(".jpg"), captions=(text.read_text().strip(),))
    return out


def feedme(root: Path) -> PhotoSet:
    """Photographs of food; their titles and tags serve as captions. Those under a no-derivatives licence are left out."""
    out = PhotoSet("feedme")
    for attribution in sorted((root / "attributions").glob("*.txt")):
        text = attribution.read_text()
        if re.search(r"by(-nc)?-nd", text, re.IGNORECASE):
            continue
        photo = root / "images" / attribution.name.removesuffix(".txt")
        title = re.sub(r"<[^>]+>", "", text).split(" provided by ")[0].split(" by ")[0].strip()
        tags = root / "tags" / attribution.name
        words = [t.strip() for t in tags.read_text().split(",")] if tags.exists() else []
        if photo.exists() and title:
            out.add(photo, captions=(title, ", ".join(words[:12]))[: 2 if words else 1])
    return out


def load(root: Path) -> dict[str, PhotoSet]:
    """Every set below ``root``, by name. Folders: tiny, cifar, caltech, flickr, flickrtext, imagenette, dogs, mini, food, scenes,
    grocery, cars, trash, feedme, prismer.

    Raises FileNotFoundError if one is missing.
    """
    sets = [
        tiny_imagenet(root / "tiny", "train"),
        tiny_imagenet(root / "tiny", "val"),
        _folders("cifar-train", root / "cifar" / "train", _named),
        _folders("cifar-test", root / "cifar" / "test", _named),
        caltech(root / "caltech", "train"),
        caltech(root / "caltech", "test"),
        _folders("imagenette", root / "imagenette" / "train", _synset),
        _folders("mini", root / "mini" / "train", _synset),
        _folders("food", root / "food" / "data" / "train", _named),
        _folders("scenes", root / "scenes" / "dataset" / "seg_train", _named),
        grocery(root / "grocery", "train"),
        grocery(root / "grocery", "test"),
        cars(root / "cars"),
        _folders("trash", root / "trash" / "dataset-resized", _named),
        flickr(root / "flickr" / "data" / "images", root / "flickrtext" / "Flickr8k_text"),
        web(root / "prismer" / "data"),
        feedme(root / "feedme"),
    ]
    dogs = _folders("dogs", root / "dogs" / "images" / "Images", _synset)
    removed = _folders("dogs", root / "dogs" / "removed_images", _synset)
    known = {c.synset: i for i, c in enumerate(dogs.categories)}
    for path, label in zip(removed.paths, removed.labels, strict=True):
        synset = removed.categories[label].synset
        if synset not in known:
            known[synset] = len(dogs.categories)
            dogs.categories.append(removed.categories[label])
        dogs.add(path, known[synset])
    dogs.paths, order = _without_twins(dogs.paths)
    dogs.labels = [dogs.labels[i] for i in order]
    dogs.captions = [dogs.captions[i] for i in order]
    return {s.name: s for s in [*sets, dogs]}


def _without_twins(paths: list[Path]) -> tuple[list[Path], list[int]]:
    """Files of the same name are one photograph that is in the repository twice."""
    first = {}
    for i, path in enumerate(paths):
        first.setdefault(path.name, i)
    order = list(first.values())
    return [paths[i] for i in order], order
