"""Stage two, the CLIPN recipe: only the no tower learns, from a copy of the yes tower and prompts of zeros.

Image and yes features come from frozen towers, so they are computed once and kept. A batch is N photographs against M texts:
one text per class over all data sets, all hypernyms, and captions of captioned photographs. The paper's batch is a diagonal
of pairs drawn from millions of captions; here a few hundred classes fill a batch many times over, so what matches what is
a table (``lexicon.relation``), and pairs of which nothing can be said count as neither.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import lexicon, tokenizer
from .batches import centre, crop, held_out, set_apart, take
from .captions import NameBank, template_texts
from .losses import clipn_loss, membership_loss
from .made import made
from .model import CLIPN, LOGIT_SCALE
from .packs import load_pack
from .teacher import crop_boxes
from .train_clip import normalise


@dataclass(frozen=True)
class NoPreset:
    """Everything that decides the outcome of stage two, besides data and seed. Optimiser and schedule are the paper's, its rate is not."""

    steps: int = 1200
    named: tuple[tuple[str, int], ...] = (("tiny-train", 1024), ("cifar-train", 512), ("caltech-train", 128))
    captioned: int = 48
    made: int = 384
    """Pictures of ``made`` per step, which no text fits. Not in the paper: its millions of captioned pictures hold all sorts of things."""
    share: float = 0.5
    """of all class names and hypernyms, how many are encoded in a step, drawn anew each time"""
    views: int = 1
    """Random crops of each photograph whose features are kept, beside the centre."""
    crop: tuple[float, float] = (0.9, 1.0)
    """share of the photograph's area that they keep"""
    apart: float = 0.0
    """how much of the named photographs of a step stage one has not seen (``ClipPreset.apart``)"""
    lr: float = 1e-3
    """the paper's 3e-4 is for towers that have read hundreds of millions of texts"""
    weight_decay: float = 0.2
    membership: float = 10.0
    """weight of ``losses.membership_loss``; 0 is the paper's losses alone"""
    tenants: tuple[float, ...] = (0.8, 0.4, 0.15)
    """shares of the classes encoded in a step that its imagined tenants register"""


PRESETS = {"cpu": NoPreset(), "gpu": NoPreset(steps=3000, views=4, crop=(0.4, 1.0), apart=0.5)}


MADE = 16_000
"""different pictures to draw a step's from"""


def made_features(model: CLIPN, packs: Path, split: str, seed: int, keep: Path) -> np.ndarray:
    """Unit features of made pictures, float16 [MADE, D], computed once per checkpoint; scraps are of ``split``'s photographs."""
    path = keep / "made.features.npy"
    if not path.exists():
        keep.mkdir(parents=True, exist_ok=True)
        pack = load_pack(packs, split)
        trained_on = pack.pixels[~held_out(len(pack))]
        np.save(path, encode(model, [centre(part, model.image_size) for part in np.array_split(made(MADE, 64, trained_on, seed), MADE // 500)]))
    return np.load(path, mmap_mode="r")


@torch.no_grad()
def encode(model: CLIPN, batches) -> np.ndarray:
    """Batches of float32 [n, 3, S, S] in 0..1 -> unit features, float16 [N, D]."""
    device = next(model.parameters()).device
    out = []
    for pixels in batches:
        with torch.autocast(device.type, torch.bfloat16):
            f = model.encode_image(normalise(pixels.to(device)))
        out.append(F.normalize(f.float(), dim=-1).half().cpu().numpy())
    return np.concatenate(out)


class FeatureBank:
    """Unit features of a split's photographs, [views, N, D] in half precision on disk, computed once per checkpoint."""

    def __init__(self, model: CLIPN, packs: Path, split: str, views: int, seed: int, keep: Path, scale: tuple[float, float] = (0.9, 1.0)):
        self.pack = load_pack(packs, split)
        path = keep / f"{split}.features.npy"
        if not path.exists():
            keep.mkdir(parents=True, exist_ok=True)
            np.save(path, self._compute(model, views, seed, scale))
        device = next(model.parameters()).device
        self.features: np.ndarray | Tensor = np.load(path, mmap_mode="r")
        if device.type == "cuda":
            self.features = torch.from_numpy(np.array(self.features)).to(device)

    def _compute(self, model: CLIPN, views: int, seed: int, scale: tuple[float, float]) -> np.ndarray:
        boxes = crop_boxes(len(self.pack), views, seed + 1, scale=scale)
        starts = range(0, len(self.pack), 500)
        device = next(model.parameters()).device

        def view(at: int, v: int) -> Tensor:
            raw = self.pack.pixels[at : at + 500]
            if v == 0:
                return centre(raw, model.image_size, device)
            return crop(torch.from_numpy(np.array(raw)).to(device), torch.from_numpy(boxes[at : at + 500, v - 1]).to(device), model.image_size)

        return np.stack([encode(model, (view(at, v) for at in starts)) for v in range(views + 1)])

    def draw(self, picked: np.ndarray, rng: np.random.Generator) -> Tensor:
        view = rng.integers(0, self.features.shape[0], len(picked))
        return F.normalize(take(self.features, view, picked).float(), dim=-1)


class NoTrainer:
    """Trains ``model``'s no tower in place."""

    def __init__(self, model: CLIPN, tok, classes: list[lexicon.ClassNames], offsets: dict[str, int], packs: Path, out: Path, preset: NoPreset, seed: int):
        self.model, self.tok, self.classes, self.offsets, self.preset, self.out = model, tok, classes, offsets, preset, out
        self.device = next(model.parameters()).device
        torch.manual_seed(seed)
        self.rng = np.random.default_rng(seed)
        model.eval()  # frozen batch statistics; the text towers have nothing that differs in training
        model.start_no_from_yes()
        for p in model.parameters():
            p.requires_grad_(False)
        keep = out / "features"
        self.banks = {s: FeatureBank(model, packs, s, preset.views, seed, keep, preset.crop) for s, _ in preset.named}
        self.captioned = FeatureBank(model, packs, "flickr-train", preset.views, seed, keep, preset.crop) if preset.captioned else None
        self.made = made_features(model, packs, preset.named[0][0], seed, keep) if preset.made else None
        self.usable = {s: np.flatnonzero(~held_out(len(b.pack))) for s, b in self._all().items()}
        self.names = NameBank(classes)
        decay, plain = [], []
        for name, p in model.no_parameters().items():
            p.requires_grad_(True)
            (decay if p.ndim >= 2 and "prompt" not in name else plain).append(p)
        self.optimizer = torch.optim.AdamW(
            [{"params": decay, "weight_decay": preset.weight_decay}, {"params": plain, "weight_decay": 0.0}], lr=preset.lr, betas=(0.9, 0.98), eps=1e-6
        )

    def _all(self) -> dict[str, FeatureBank]:
        return {**self.banks, **({"flickr-train": self.captioned} if self.captioned else {})}

    def _texts(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        """Unit yes features (no gradient) and no features of texts; the no prompt drawn anew for each text."""
        tokens = tokenizer.encode(self.tok, texts, self.model.context_length).to(self.device)
        prompts = self.model.draw_prompts(len(texts))
        length = tokens.argmax(dim=-1) + 1
        order = length.argsort()  # a batch costs what its longest text costs, and captions are twice as long as names
        yes, no = [], []
        with torch.autocast(self.device.type, torch.bfloat16):
            for part in order.chunk(4):
                cut = tokens[part, : int(length[part].max())]
                with torch.no_grad():
                    yes.append(self.model.text_features(cut, "yes"))
                no.append(self.model.text_features(cut, "no", None if prompts is None else prompts[part]))
        back = order.argsort()
        yes, no = torch.cat(yes)[back], torch.cat(no)[back]
        return F.normalize(yes.float(), dim=-1), F.normalize(no.float(), dim=-1)

    def _batch(self) -> tuple[Tensor, np.ndarray, list[str]]:
        """Image features [N, D] of named, captioned and made pictures; labels of the named ones; one caption for each captioned one."""
        features, labels = [], []
        for split, count in self.preset.named:
            bank = self.banks[split]
            picked = self._picked(split, count)
            features.append(bank.draw(picked, self.rng))
            labels.append(bank.pack.labels[picked] + self.offsets[split])
        captions: list[str] = []
        if self.captioned:
            picked = self.rng.choice(self.usable["flickr-train"], self.preset.captioned, replace=False)
            features.append(self.captioned.draw(picked, self.rng))
            captions = [self.captioned.pack.captions[i][self.rng.integers(0, 5)] for i in picked]
        if self.made is not None:
            picked = self.rng.choice(len(self.made), self.preset.made, replace=False)
            features.append(F.normalize(torch.from_numpy(self.made[picked].astype(np.float32)), dim=-1))
        return torch.cat([f.to(self.device) for f in features]), np.concatenate(labels), captions

    def _picked(self, split: str, count: int) -> np.ndarray:
        """Rows of a split, none twice; ``apart`` of them, or as many as there are, from those that stage one has not seen."""
        usable = self.usable[split]
        if not self.preset.apart:
            return self.rng.choice(usable, count, replace=False)
        unseen = set_apart(len(self.banks[split].pack))[usable]
        some = min(round(self.preset.apart * count), int(unseen.sum()))
        return np.concatenate([self.rng.choice(usable[unseen], some, replace=False), self.rng.choice(usable[~unseen], count - some, replace=False)])

    def _draw(self) -> tuple[list[str], np.ndarray, np.ndarray]:
        """Some class names with the table of the image classes they fit, and the indices of some hypernyms."""
        names, table = self.names.draw(self.rng)
        picked = np.sort(self.rng.permutation(len(names))[: max(1, round(self.preset.share * len(names)))])
        hypernyms = np.sort(self.rng.permutation(len(self.names.hypernyms))[: round(self.preset.share * len(self.names.hypernyms))])
        return [names[i] for i in picked], table[picked], hypernyms

    def relations(self, labels: np.ndarray, table: np.ndarray, hypernyms: np.ndarray, captions: int) -> np.ndarray:
        """int8 [N, M]: 1 the text fits the photograph, 0 it does not, -1 unknown. Texts: names, hypernyms, captions."""
        over = self.names.hypernym_of[labels][:, hypernyms].astype(np.int8)
        named = np.concatenate([table[:, labels].T, over, np.zeros((len(labels), captions), np.int8)], 1)
        # a scene of dogs may or may not show a hat: of captioned photographs only their own and the others' captions are known
        scenes = np.full((captions, table.shape[0] + over.shape[1] + captions), -1, np.int8)
        if captions:
            scenes[:, -captions:] = np.eye(captions, dtype=np.int8)
        nothing = np.zeros((self.preset.made, named.shape[1]), np.int8)
        return np.concatenate([named, scenes, nothing])

    def one_step(self, step: int) -> dict[str, float]:
        p = self.preset
        for group in self.optimizer.param_groups:
            group["lr"] = p.lr * 0.5 * (1 + math.cos(math.pi * step / p.steps))
        image, labels, captions = self._batch()
        names, table, hypernyms = self._draw()
        texts = [*template_texts([*names, *(self.names.hypernyms[i] for i in hypernyms)], self.rng), *captions]
        yes, no = self._texts(texts)
        relation = torch.from_numpy(self.relations(labels, table, hypernyms, len(captions))).to(self.device)
        losses = clipn_loss(image, yes, no, LOGIT_SCALE, relation == 1, relation < 0)
        membership = self._membership(image, yes, no, relation, len(names))
        total = losses["total"]
        if membership is not None:
            losses["membership"] = membership
            total = total + p.membership * membership
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self.model.no_parameters().values(), 1.0)
        self.optimizer.step()
        return {k: v.detach() for k, v in losses.items()}

    def _membership(self, image: Tensor, yes: Tensor, no: Tensor, relation: Tensor, classes: int) -> Tensor | None:
        """Mean over imagined tenants, each with a random share of the classes; class names only, and no captioned photographs: of those nothing is known."""
        if not self.preset.membership:
            return None
        cos_yes, cos_no = image @ yes[:classes].T, image @ no[:classes].T
        parts = []
        for share in self.preset.tenants:
            registered = torch.from_numpy(self.rng.permutation(classes) < max(1, round(share * classes))).to(self.device)
            part = membership_loss(cos_yes, cos_no, LOGIT_SCALE, relation[:, :classes], registered)
            if part is not None:
                parts.append(part)
        return torch.stack(parts).mean() if parts else None

    def run(self, every: int = 50) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        log = (self.out / "no.jsonl").open("w")
        since = time.time()
        for step in range(self.preset.steps):
            losses = self.one_step(step)
            if (step + 1) % every == 0:
                row = {"step": step + 1, **{k: round(float(v), 4) for k, v in losses.items()}, "seconds": round(time.time() - since, 1)}
                print(json.dumps(row), flush=True)
                log.write(json.dumps(row) + "\n")
                log.flush()
        torch.save({"preset": asdict(self.preset), "state_dict": self.model.state_dict()}, self.out / "clipn.pt")
