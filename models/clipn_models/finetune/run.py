"""Fine-tunes a bundle of the default's kind on class folders and writes another bundle."""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from .. import class_folders
from ..bundle import TorchBundle, write_parts
from ..default import towers
from ..families import family
from ..figures import gate_figures, in_words, tenant_figures
from ..files import save_atomically
from ..graphs import round_weights
from ..progress import Log
from ..verdicts import class_features
from . import data as features
from .steps import Fold, Heads, NoSide, Preset, encode, image_head, split
from .world import World

EVERY = 50
"""Steps of the no side between figures."""


@dataclass
class Run:
    """One run in ``out``. ``parts``: copies of the bundle's graphs, whose heads read features of deviation one during training."""

    bundle: TorchBundle
    photographs: class_folders.Photographs
    out: Path
    preset: Preset
    seed: int
    log: Log

    def prepare(self, workers: int) -> None:
        """Features of all photographs; those that an earlier run left in ``out`` are not computed again."""
        size = self.bundle.manifest["image"]["size"]
        self.key = features.key(self.bundle.manifest["files"]["image.onnx"]["sha256"], self.photographs)
        image = self.bundle.parts["image"]
        pooled, made = features.pooled(image, size, self.photographs, self.out / "features" / self.key, workers, self.log.say)
        yes, _ = self.bundle.classes(list(self.photographs.names))
        text = F.normalize(torch.from_numpy(yes[:, : towers.SPACE]).float(), dim=-1)
        self.data = features.prepare(image, text, pooled, made, self.photographs, class_folders.held_out(self.photographs))
        self.parts = {name: copy.deepcopy(part) for name, part in self.bundle.parts.items()}
        self.names = image.names.detach()
        mine = self.parts["image"]
        for layer in self.reading():
            towers.unfold_scaling(layer, self.data.mean, self.data.deviation)
        self.heads = Heads(mine.head, mine.coordinates, self.parts["text-no"].head, mine.limit)

    def reading(self) -> list[nn.Linear]:
        """The layers of the heads that read pooled features; bundles of version 1.0.0 have no limit of an image."""
        image = self.parts["image"]
        return [part.a for part in (image.head, image.coordinates, image.limit) if hasattr(part, "a")]

    def generator(self, *what: int) -> World:
        """The generator of one piece of the run, so that finished pieces can be skipped."""
        rng = np.random.default_rng([self.seed, *what])
        torch.manual_seed(int(rng.integers(2**31)))
        return World(self.bundle.parts["image"], self.data, rng)

    def heads_of_folds(self) -> list[dict]:
        """State dicts of the folds' heads and of the last one, from the checkpoint as far as it goes."""
        path, rng = self.out / "checkpoint.pt", np.random.default_rng([self.seed, 0])
        about = {"features": self.key, "seed": self.seed, "preset": asdict(self.preset)}
        kept = torch.load(path, weights_only=True) if path.exists() else {"about": about, "heads": []}
        if kept["about"] != about:
            raise ValueError(f"{path} is of a run with other photographs or settings: give the same to continue, or another directory to start over")
        parts = split(self.data, self.preset, rng)
        lots = [rows for _, rows in parts] + ([] if len(parts) == 1 else [~self.data.held])
        for number in range(len(kept["heads"]), len(lots)):
            world = self.generator(1, number)
            head = image_head(self.heads.image, self.data, self.names, np.flatnonzero(lots[number]), self.preset, world)
            kept["heads"].append(head.state_dict())
            save_atomically(kept, path)
            self.log.say(f"image head {number + 1} of {len(lots)}: {int(lots[number].sum())} photographs")
        self.unseen = [unseen for unseen, _ in parts]
        self.seen_by = [rows for _, rows in parts]
        return kept["heads"]

    def fit(self) -> None:
        """Both steps; afterwards ``heads`` has the trained weights."""
        last = copy.deepcopy(self.heads.image)
        folds = []
        for state, unseen, rows in zip(self.heads_of_folds(), self.unseen, self.seen_by, strict=False):
            head = copy.deepcopy(last)
            head.load_state_dict(state)
            fresh = ~self.data.held & (~rows if len(self.unseen) > 1 else True)
            folds.append(Fold(head, unseen, fresh, *encode(head, self.data)))
        side = NoSide(self.heads, self.data, folds, self.names, self.preset, self.generator(2))
        side.run(lambda step, loss: self._note(step, loss, folds[0]))
        last.load_state_dict(torch.load(self.out / "checkpoint.pt", weights_only=True)["heads"][-1])
        self.heads.image = self.parts["image"].head = last.eval().requires_grad_(False)

    def _note(self, step: int, loss: float, fold: Fold) -> None:
        """Figures on photographs that are not used in training; OOD images are of the classes that this fold's head has not seen."""
        if step % EVERY and step != self.preset.no_steps:
            return
        with torch.no_grad():
            modules = (self.heads.coordinates, self.heads.no)
            for module in modules:
                module.eval()
            v, z = fold.v[0][self.data.held], self.data.z[0][self.data.held]
            image = self.heads.feature(z, v).numpy().astype(np.float64)
            yes, no = (f.numpy().astype(np.float64) for f in (towers.yes_feature(self.data.text), self.heads.no(self.data.text)))
            for module in modules:
                module.train()
        label = self.data.label[self.data.held]
        found = tenant_figures(image, label, yes, no, np.flatnonzero(~fold.unseen)) if fold.unseen.any() else gate_figures(image, label, yes, no)
        row = {"stage": "held-out", "step": step, "of": self.preset.no_steps, "loss": round(loss, 5), **{k: round(v, 5) for k, v in found.items()}}
        self.log.note(row, f"step {step}/{self.preset.no_steps}: loss {loss:.4f}; strangers of classes never seen: {in_words(found)}")

    def fold_in(self) -> None:
        """Folds the scaling back into the heads, and rounds every weight as it is stored."""
        for layer in self.reading():
            towers.fold_scaling(layer, self.data.mean, self.data.deviation)
        for part in self.parts.values():
            part.eval().requires_grad_(False)
            round_weights(part)

    def figures(self, parts: dict[str, nn.Module]) -> dict[str, float]:
        """``gate_figures`` of the complete graphs on the photographs that are not used in training, in the bundle's own templates."""
        held, templates = self.data.held, self.bundle.manifest["templates"]
        image = parts["image"]
        with torch.no_grad():
            pooled = self.data.z[0][held] * self.data.deviation + self.data.mean
            found = image.feature(pooled, self.data.conse[0][held]).numpy().astype(np.float64)
        names, length = list(self.photographs.names), self.bundle.context_length
        lines = {"yes": templates["yes"], "no": templates["no"] or templates["yes"]}
        texts = [class_features(parts[f"text-{tower}"], self.bundle.tokenizer, names, lines[tower], length) for tower in lines]
        return gate_figures(found, self.data.label[held], *texts)


def write(run: Run, figures: dict, name: str, version: str) -> dict:
    """The fine-tuned bundle; int8 and fp16 graphs of the original bundle are not copied (``optimise`` makes new ones)."""
    manifest = run.bundle.manifest
    provenance, image = manifest["provenance"], manifest["image"]
    about = f"{len(run.photographs)} photographs of {len(run.photographs.names)} classes, given by the person who fine-tuned it; their own terms"
    return write_parts(
        run.parts,
        run.bundle.path / "tokenizer.json",
        run.out / "bundle",
        name=name,
        version=version,
        licence=manifest["licence"],
        provenance={
            **provenance,
            "checkpoint": f"{manifest['name']} {manifest['version']}, its heads fine-tuned, seed {run.seed}; {provenance['checkpoint']}",
            "training_data": [*provenance["training_data"], about],
        },
        templates=manifest["templates"],
        vocabulary=manifest["text"]["vocabulary"],
        evaluation={"held_out_photographs": figures},
        image_size=image["size"],
        context_length=manifest["text"]["context_length"],
        embedding_dim=manifest["embedding_dim"],
        mean=tuple(image["mean"]),
        std=tuple(image["std"]),
        storage="half",
        shared=True,
    )


def fine_tune(path: Path, roots: list[Path], out: Path, *, name: str, version: str = "1.0.0", seed: int = 0, preset: Preset | None = None, workers: int = 2):
    """Everything, from folders to a verified bundle in ``out/bundle``; returns its manifest. The same call continues from ``out``.

    Raises ValueError for a bundle of another kind and for folders without classes.
    """
    from ..verify import verify

    bundle = TorchBundle(path)
    architecture = bundle.manifest["provenance"]["architecture"]
    if family(architecture) is not towers:
        raise ValueError(f"{path}: bundles of the architecture {architecture} can't be fine-tuned; give a checkpoint with --checkpoint and --arch")
    out.mkdir(parents=True, exist_ok=True)
    log = Log(out / "train.jsonl")
    log.path.unlink(missing_ok=True)  # all lines below are written again
    run = Run(bundle, class_folders.read(roots), out, preset or Preset(), seed, log)
    log.say(f"{len(run.photographs)} photographs of {len(run.photographs.names)} classes")
    run.prepare(workers)
    before = run.figures(bundle.parts)
    log.note({"stage": "before", **before}, f"before, {int(run.data.held.sum())} photographs held out: {in_words(before)}")
    run.fit()
    run.fold_in()
    after = run.figures(run.parts)
    log.note({"stage": "after", **after}, f"after:  {in_words(after)}")
    manifest = write(run, {"before": before, "after": after}, name, version)
    verify(out / "bundle", lambda line: None)
    log.say(f"verified: {out / 'bundle'}")
    return manifest
