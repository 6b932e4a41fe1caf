"""Quality of the default, first on classes that were not used in training, then on classes that were. Reads the bundle's own files.

Photographs pass the service's transform (Pillow's reference, which the service matches to the bit). Tenants are drawn by seed;
their in-distribution photographs are those of their classes, the others of the same draw are out of distribution.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..evaluate import RULES, SCORES, auroc, compare, mean, scores
from ..onnx_bundle import OnnxBundle
from . import augment, cache, plan, strange
from .apart import SEEN_BY_THE_TOWER, Apart, same_thing
from .sources import PhotoSet, imagenet_1k
from .spread import SHARES, Decided, moved

TENANTS = 20
STRANGE = 100
BALANCED = ("ctw", "atd")
PLAIN = "centre"
"""The view that is the photograph as it is."""


@dataclass
class Held:
    """Features of the photographs of one draw, with the classes over all its sets."""

    image: np.ndarray
    label: np.ndarray
    names: list[str]
    origin: np.ndarray
    yes: np.ndarray
    no: np.ndarray

    def only(self, classes: np.ndarray) -> Held:
        rows = np.isin(self.label, classes)
        place = {c: i for i, c in enumerate(classes)}
        label = np.array([place[c] for c in self.label[rows]])
        return Held(self.image[rows], label, [self.names[c] for c in classes], self.origin[classes], self.yes[classes], self.no[classes])


class Measure:
    """``folder`` keeps image features by bundle, so that a table can be repeated quickly."""

    def __init__(self, bundle: Path, sets: dict[str, PhotoSet], apart: Apart, folder: Path, log=print, precision: str = "fp32"):
        self.bundle, self.sets, self.apart, self.log = OnnxBundle(bundle, precision), sets, apart, log
        self.size = self.bundle.manifest["image"]["size"]
        digest = self.bundle.manifest["files"]["image.onnx" if precision == "fp32" else f"image.{precision}.onnx"]["sha256"][:12]
        self.folder = folder / f"measured.{digest}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.scale = self.bundle.manifest["logit_scale"]

    def features(self, name: str, pictures: Iterator[np.ndarray]) -> np.ndarray:
        """float64 [N, D] of uint8 [S, S, 3] pictures."""
        path = self.folder / f"{name}.npy"
        if not path.exists():
            self.log(f"measuring {name}")
            rows, batch = [], []
            for picture in pictures:
                batch.append(picture)
                if len(batch) == cache.BATCH:
                    rows.append(self.bundle.images(np.stack(batch)))
                    batch = []
            if batch:
                rows.append(self.bundle.images(np.stack(batch)))
            np.save(path, np.concatenate(rows))
        return np.load(path)

    def _part(self, part: plan.Part, name: str) -> np.ndarray:
        return self.features(name, (p for task in part.tasks for p in cache.pixels(task)))

    def held(self, draw: str, view: str = "centre") -> Held:
        image, label, names, origin = [], [], [], []
        for part in plan.held_out(self.sets, self.apart, draw, self.size, self.folder, view):
            classes = sorted(set(part.labels))
            image.append(self._part(part, f"{part.name}.{draw}.{view}"))
            label.append(np.array([classes.index(c) for c in part.labels]) + len(names))
            names += [self.sets[part.name].categories[c].names[0] for c in classes]
            origin += [part.name] * len(classes)
        return Held(np.concatenate(image), np.concatenate(label), names, np.array(origin), self.bundle.classes(names, "yes"), self.bundle.classes(names, "no"))

    def strange(self) -> dict[str, np.ndarray]:
        def pictures(kind: str) -> Iterator[np.ndarray]:
            return (np.asarray(augment.centre(picture, self.size)) for picture in strange.pictures(kind, STRANGE))

        return {kind: self.features(f"strange.{kind}", pictures(kind)) for kind in strange.KINDS}

    def scores(self, held: Held, rows: np.ndarray, classes: np.ndarray) -> dict[str, np.ndarray]:
        return scores(held.image[rows], held.yes[classes], held.no[classes], self.scale)

    def tenants(self, held: Held, size: int, within: bool = False, far: np.ndarray | None = None) -> dict:
        """Means over seeded tenants of ``size`` classes. ``within``: all of a tenant's classes and all others are of one set."""
        results, top1 = [], []
        for seed in range(TENANTS):
            pool = self._one_set(held, size, seed) if within else np.arange(len(held.names))
            kept = drawn(pool, size, seed)
            inside = np.isin(held.label, kept)
            outside = np.isin(held.label, np.setdiff1d(pool, kept))
            s_in = self.scores(held, inside, kept)
            s_out = self.scores(held, outside, kept) if far is None else scores(far, held.yes[kept], held.no[kept], self.scale)
            results.append(compare(s_in, s_out))
            top1.append(float((kept[s_in["index"]] == held.label[inside]).mean()))
        return {"top1": round(float(np.mean(top1)), 4), **mean(results)}

    def by_set(self, held: Held, size: int = 10) -> dict[str, dict[str, float]]:
        """AUROC of ATD against the photographs of each set alone, over the tenants with classes of that set and over those without."""
        found: dict[tuple[str, str], list[float]] = {}
        for seed in range(3 * TENANTS):
            kept = drawn(np.arange(len(held.names)), size, seed)
            inside = np.isin(held.label, kept)
            id_score = self.scores(held, inside, kept)["atd"]
            ood_score = self.scores(held, ~inside, kept)["atd"]
            origin = held.origin[held.label[~inside]]
            for name in sorted(set(origin)):
                tenants = "with classes of the set" if name in held.origin[kept] else "without"
                found.setdefault((str(name), tenants), []).append(auroc(id_score, ood_score[origin == name]))
        table: dict[str, dict[str, float]] = {}
        for (name, tenants), values in sorted(found.items()):
            table.setdefault(name, {})[tenants] = round(float(np.mean(values)), 4)
        return table

    def _one_set(self, held: Held, size: int, seed: int) -> np.ndarray:
        sets = [s for s in sorted(set(held.origin)) if (held.origin == s).sum() >= size + 5]
        return np.flatnonzero(held.origin == sets[seed % len(sets)])

    def caught(self, held: Held, far: dict[str, np.ndarray], size: int = 10) -> dict:
        """Share of strange pictures that each rule catches, by kind."""
        return {kind: self.tenants(held, size, far=image)["decisions"] for kind, image in far.items()}

    def seen(self) -> dict[str, float]:
        """Top-1 over all classes of the test lists of the sets used in training, with and without the classes set apart."""
        out = {}
        for part in plan.seen(self.sets, self.size, self.folder):
            categories = self.sets[part.name].categories
            yes = self.bundle.classes([c.names[0] for c in categories], "yes")
            best = (self._part(part, f"{part.name}.seen") @ yes.T).argmax(-1)
            trained = np.array([not self.apart.covers(c) for c in categories])[part.labels]
            out[f"{part.name} ({len(categories)} classes, {len(best)} photographs)"] = round(float((best == part.labels).mean()), 4)
            out[f"{part.name}, photographs of classes trained on"] = round(float((best == part.labels)[trained].mean()), 4)
        return out

    def robust(self) -> dict:
        """Shares that the rules keep and catch of the same photographs of unseen classes, treated in several ways, and their moves."""
        held = {view: self.held("test", view) for view in cache.TREATMENTS}
        decided = {view: self.decided(h, 10) for view, h in held.items()}
        moves = {view: {rule: moved(decided[PLAIN][rule], d[rule]) for rule in BALANCED} for view, d in decided.items()}
        return {view: {**self.tenants(h, 10), "moved": moves[view]} for view, h in held.items()}

    def decided(self, held: Held, size: int) -> dict[str, Decided]:
        """Right decisions of each rule by tenant and class, for the tenants of ``tenants``."""
        everything, classes = np.ones(len(held.label), bool), np.arange(len(held.names))
        images = np.bincount(held.label, minlength=len(classes))
        mine, right = [], {rule: [] for rule in BALANCED}
        for seed in range(TENANTS):
            kept = drawn(classes, size, seed)
            mine.append(np.isin(classes, kept))
            s, inside = self.scores(held, everything, kept), np.isin(held.label, kept)
            for rule, rows in right.items():
                rows.append(np.bincount(held.label, s[f"reject_{rule}"] != inside, len(classes)))
        return {rule: Decided(np.stack(rows), images, np.stack(mine)) for rule, rows in right.items()}


def drawn(pool: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Indices of the classes of a seeded tenant, sorted."""
    return np.sort(np.random.default_rng([9, seed]).permutation(pool)[:size])


def known_to_the_tower(held: Held) -> np.ndarray:
    """bool [C]: classes that the pretrained image tower was trained to distinguish, by set or by name."""
    names = [n for c in imagenet_1k() for n in c.names]
    return np.array([o in SEEN_BY_THE_TOWER or any(same_thing(n, other) for other in names) for n, o in zip(held.names, held.origin, strict=True)])


def evaluate(measure: Measure, draw: str = "test") -> dict:
    """Every table of the model card."""
    held = measure.held(draw)
    far = measure.strange()
    known = known_to_the_tower(held)
    never = {
        "tenants of 10 across the sets": measure.tenants(held, 10),
        "tenants of 10 within one set": measure.tenants(held, 10, within=True),
        "tenants of 10 of classes that the pretrained tower knows": measure.tenants(held.only(np.flatnonzero(known)), 10),
        "tenants of 10 of classes new to the pretrained tower too": measure.tenants(held.only(np.flatnonzero(~known)), 10),
        "tenants of 1": measure.tenants(held, 1),
        "tenants of 3": measure.tenants(held, 3),
        "tenants of 50": measure.tenants(held, 50),
        "tenants of 10 against pictures of other kinds": measure.tenants(held, 10, far=np.concatenate(list(far.values()))),
    }
    counts = {name: len(classes) for name, classes in measure.apart.classes[draw].items()}
    return {
        "draw": draw,
        "classes": counts,
        "photographs": len(held.label),
        "never_seen": never,
        "by_set": measure.by_set(held),
        "strange_caught": measure.caught(held, far),
        "seen_top1": measure.seen(),
        "robust": measure.robust() if draw == "test" else {},
    }


def report(result: dict) -> str:
    """The figures as Markdown tables."""
    lines = [f"Classes never seen, draw `{result['draw']}`: {sum(result['classes'].values())} classes, {result['photographs']} photographs", ""]
    lines += ["| | top-1 | AUROC " + " | ".join(SCORES) + " | CTW kept / caught | ATD kept / caught | ATD rescaled kept / caught |"]
    lines += ["|" + "---|" * (2 + len(SCORES) + len(RULES))]
    for name, r in result["never_seen"].items():
        auroc = " | ".join(f"{100 * r['scores'][s]['auroc']:.1f}" for s in SCORES)
        rules = " | ".join(_pair(r["decisions"][rule]) for rule in RULES)
        lines.append(f"| {name} | {100 * r['top1']:.1f} | {auroc} | {rules} |")
    lines += ["", "| AUROC of ATD against photographs of | tenants with classes of the set | without |", "|---|---|---|"]
    for name, r in result["by_set"].items():
        lines.append(f"| {name} | " + " | ".join(f"{100 * r[t]:.1f}" if t in r else "" for t in ("with classes of the set", "without")) + " |")
    lines += ["", "| pictures of other kinds, caught by | " + " | ".join(RULES) + " |", "|---|" + "---|" * len(RULES)]
    for kind, d in result["strange_caught"].items():
        lines.append(f"| {kind} | " + " | ".join(f"{100 * d[rule]['ood_rejected']:.1f}" for rule in RULES) + " |")
    lines += ["", "| seen classes | top-1 |", "|---|---|"]
    lines += [f"| {name} | {100 * value:.1f} |" for name, value in result["seen_top1"].items()]
    if result["robust"]:
        columns = " | ".join(f"{rule.upper()} kept / caught | moved by, ± standard error" for rule in BALANCED)
        lines += ["", f"| the same photographs | top-1 | {columns} |", "|" + "---|" * (2 + 2 * len(BALANCED))]
        for view, r in result["robust"].items():
            rules = " | ".join(f"{_pair(r['decisions'][rule])} | {'' if view == PLAIN else _moves(r['moved'][rule])}" for rule in BALANCED)
            lines.append(f"| {view} | {100 * r['top1']:.1f} | {rules} |")
    return "\n".join(lines)


def _pair(decisions: dict[str, float]) -> str:
    return " / ".join(f"{100 * decisions[share]:.1f}" for share in SHARES)


def _moves(moves: dict[str, dict[str, float]]) -> str:
    return " / ".join(f"{100 * moves[share]['by']:+.1f} ± {100 * moves[share]['standard_error']:.1f}" for share in SHARES)
