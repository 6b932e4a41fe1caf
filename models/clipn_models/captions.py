"""Texts for training: every class name in many sentences, and the captions people wrote."""

from __future__ import annotations

import numpy as np

from .lexicon import ClassNames, relation

TEMPLATES = [
    "{}",
    "a {}",
    "a photo of a {}.",
    "a photo of the {}.",
    "a photo of {}.",
    "a small photo of a {}.",
    "a blurry photo of a {}.",
    "a close-up photo of a {}.",
    "a bright photo of a {}.",
    "a dark photo of a {}.",
    "a cropped photo of a {}.",
    "a good photo of a {}.",
    "a bad photo of a {}.",
    "a picture of a {}.",
    "an image of a {}.",
    "there is a {} in the scene.",
    "this is a {}.",
    "a photo of one {}.",
    "a photo of many {}.",
    "a photo of my {}.",
]

DEFAULT_TEMPLATES = ["a photo of a {}.", "a picture of a {}.", "a small photo of a {}.", "a close-up photo of a {}.", "this is a {}.", "a {}"]
"""What the bundle uses when a tenant names no templates of its own."""


def template_texts(names: list[str], rng: np.random.Generator) -> list[str]:
    """Each name in a template drawn at random."""
    return [TEMPLATES[t].format(n) for t, n in zip(rng.integers(0, len(TEMPLATES), len(names)), names, strict=True)]


class NameBank:
    """For every class one of its names, drawn anew each time, with the table of which image classes it fits."""

    def __init__(self, classes: list[ClassNames]):
        self.classes = classes
        self.table = [np.array([[relation(n, owner, shown) for shown in classes] for n in owner.names], np.int8) for owner in classes]
        self.hypernyms = sorted({h for c in classes for h in c.hypernyms})
        index = {h: i for i, h in enumerate(self.hypernyms)}
        self.hypernym_of = np.zeros((len(classes), len(self.hypernyms)), bool)
        for i, c in enumerate(classes):
            self.hypernym_of[i, [index[h] for h in c.hypernyms]] = True

    def draw(self, rng: np.random.Generator, canonical: float = 0.6) -> tuple[list[str], np.ndarray]:
        """C names and their relation to the classes of images: int8 [C texts, C classes], 1 fits, 0 does not, -1 unknown."""
        picks = [0 if len(c.names) == 1 or rng.random() < canonical else int(rng.integers(1, len(c.names))) for c in self.classes]
        return [c.names[p] for c, p in zip(self.classes, picks, strict=True)], np.stack([t[p] for t, p in zip(self.table, picks, strict=True)])


def vocabulary(classes: list[ClassNames], captions: list[list[str]], minimum: int = 5) -> list[str]:
    """The words that training really saw: every word of a class name or template, and caption words seen ``minimum`` times."""
    import re
    from collections import Counter

    word = re.compile(r"[^\W_]+")
    counts = Counter(w for five in captions for text in five for w in word.findall(text.lower()))
    words = {w for w, n in counts.items() if n >= minimum}
    for text in [n for c in classes for n in [*c.names, *c.hypernyms]] + TEMPLATES:
        words.update(word.findall(text.lower()))
    return sorted(words)


def corpus(classes: list[ClassNames], captions: list[list[str]]) -> list[str]:
    """What the tokenizer is trained on: captions once, names often enough to become whole words."""
    names = [n for c in classes for n in [*c.names, *c.hypernyms]]
    return [t for five in captions for t in five] + [t.format(n) for n in names for t in TEMPLATES]
