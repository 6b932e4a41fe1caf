"""The effect of fine-tuning, shown with the Grocery Store Dataset (marcusklasson/GroceryStoreDataset, MIT; Klasson et al., WACV 2019).

``python -m clipn_models.finetune.demonstration --photographs PHOTOGRAPHS --work WORK --out OUT``, folders as for ``make-default``. There are
two runs with twenty of the 81 fine classes each: the twenty with the most photographs among the classes set apart (``default/apart.py``), and
twenty drawn by seed among those that the default was trained on. Training uses the authors' train and validation lists. The figures are of
their test list, which was taken at other times and places; the 61 other classes are out of distribution. The classes of the default's
``test`` draw without groceries, and pictures of other kinds, show whether the model has become worse elsewhere.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..bundle import resolve
from ..default import cache, sources
from ..default.apart import Apart
from ..default.make import Work
from ..default.measure import Held, Measure
from ..default.sources import PhotoSet
from ..evaluate import RULES, compare
from .run import fine_tune

COUNT = 20


@dataclass(frozen=True)
class Groceries:
    """The three lists of the authors, and which of the 81 classes the default has seen."""

    lists: dict[str, PhotoSet]
    apart: np.ndarray

    @property
    def trained(self) -> np.ndarray:
        """Photographs of each class in the train and validation lists."""
        return sum(np.bincount(self.lists[s].labels, minlength=len(self.apart)) for s in ("train", "val"))

    def classes(self, seen: bool) -> np.ndarray:
        """Twenty classes: the largest that were set apart, or as many seen ones by seed."""
        if seen:
            return np.sort(np.random.default_rng(1).permutation(np.flatnonzero(~self.apart))[:COUNT])
        pool = np.flatnonzero(self.apart)
        return np.sort(pool[np.argsort(-self.trained[pool], kind="stable")[:COUNT]])

    def lay_out(self, classes: np.ndarray, folder: Path) -> Path:
        """One folder for each class with links to its photographs of the train and validation lists."""
        for photos in (self.lists["train"], self.lists["val"]):
            for number, (path, label) in enumerate(zip(photos.paths, photos.labels, strict=True)):
                if label in classes:
                    place = folder / photos.categories[label].names[0]
                    place.mkdir(parents=True, exist_ok=True)
                    link = place / f"{photos.name}-{number}{path.suffix}"
                    if not link.is_symlink():
                        link.symlink_to(path.resolve())
        return folder


def groceries(root: Path, apart: Apart) -> Groceries:
    lists = {split: sources.grocery(root / "grocery", split) for split in ("train", "val", "test")}
    return Groceries(lists, np.array([apart.covers(c) for c in lists["train"].categories]))


def own(measure: Measure, data: Groceries, classes: np.ndarray) -> dict:
    """The tenant of all of ``classes`` on the test list; the other classes are OOD, in two groups: those that the default was trained on, and the rest."""
    photos, size = data.lists["test"], measure.size
    tasks = cache.tasks_of(photos.name, photos.paths, "centre", size, measure.folder, 0)
    image = measure.features("grocery-test.demonstration", (p for task in tasks for p in cache.pixels(task)))
    label, names = np.array(photos.labels), [photos.categories[c].names[0] for c in classes]
    yes, no = (measure.bundle.classes(names, tower) for tower in ("yes", "no"))
    held = Held(image, label, names, np.array(["grocery-test"] * len(classes)), yes, no)
    everything = np.arange(len(classes))
    inside = np.isin(label, classes)
    s_in = measure.scores(held, inside, everything)
    strangers = {
        "other groceries": ~inside,
        "of them, seen by the default": ~inside & ~data.apart[label],
        "of them, never seen by it": ~inside & data.apart[label],
    }
    out = {name: compare(s_in, measure.scores(held, rows, everything)) for name, rows in strangers.items()}
    return {"top1": float((classes[s_in["index"]] == label[inside]).mean()), "images": int(inside.sum()), "strangers": out}


def rest(measure: Measure) -> dict:
    """Tenants of ten classes of the ``test`` draw that are not groceries, and the caught share of pictures of other kinds."""
    held = measure.held("test")
    held = held.only(np.flatnonzero(held.origin != "grocery-train"))
    strange = measure.tenants(held, 10, far=np.concatenate(list(measure.strange().values())))
    return {**measure.tenants(held, 10), "strange": strange["decisions"]}


def row(name: str, top1: float, result: dict) -> str:
    auroc = " | ".join(f"{100 * result['scores'][s]['auroc']:.1f}" for s in ("ctw", "atd", "mcm"))
    rules = " | ".join(f"{100 * result['decisions'][r]['id_accepted']:.1f} / {100 * result['decisions'][r]['ood_rejected']:.1f}" for r in RULES)
    return f"| {name} | {100 * top1:.1f} | {auroc} | {rules} |"


def table(bundles: dict[str, Path], data: Groceries, classes: np.ndarray, work: Work) -> list[str]:
    head = "| | top-1 | AUROC CTW | ATD | MCM | CTW kept / caught | ATD kept / caught | ATD rescaled kept / caught |"
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    for name, path in bundles.items():
        measure = Measure(path, *work.sets(), work.folder)
        mine, others = own(measure, data, classes), rest(measure)
        lines += [row(f"{name}: {what}", mine["top1"], r) for what, r in mine["strangers"].items()]
        lines.append(row(f"{name}: the rest of the world", others["top1"], others))
        caught = ", ".join(f"{rule} {100 * others['strange'][rule]['ood_rejected']:.1f}" for rule in RULES)
        lines.append(f"| {name}: pictures of other kinds, caught | | | | | {caught} | | |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--bundle", default="clipn-small")
    parser.add_argument("--which", choices=("unseen", "seen"), nargs="+", default=["unseen", "seen"])
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    work, path = Work(args.photographs, args.work), resolve(args.bundle)
    data = groceries(args.photographs, work.sets()[1])
    for which in args.which:
        classes = data.classes(which == "seen")
        folder = data.lay_out(classes, args.out / which / "photographs")
        print(f"== {which}: {', '.join(data.lists['train'].categories[c].names[0] for c in classes)}", flush=True)
        tuned = args.out / which / "run" / "bundle"
        if not (tuned / "bundle.json").exists():
            fine_tune(path, [folder], tuned.parent, name=f"groceries-{which}", workers=args.workers)
        print("\n".join(table({"default": path, "fine-tuned": tuned}, data, classes, work)), flush=True)


if __name__ == "__main__":
    main()
