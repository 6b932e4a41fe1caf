"""The classes that are not used in training: drawn by seed before any training, with all names of the same meaning.

Two draws. ``test`` classes give the figures that are published. ``choice`` classes serve every choice between variants.
Neither is used in training: no photograph, no name, no caption or word that contains the name, and no name of the pretrained
classifier's classes with the same meaning. The pretrained image tower itself was trained on ImageNet-1K, to which
the dog breeds and the classes of mini-ImageNet belong; figures are therefore also given without these two sets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .sources import Category, PhotoSet

SEED = 20_230
DRAWS = {
    "test": {"dogs": 20, "cars": 30, "grocery-train": 15, "caltech-train": 20, "food": 20, "scenes": 2, "mini": 20},
    "choice": {"dogs": 15, "cars": 20, "grocery-train": 10, "caltech-train": 12, "food": 15, "scenes": 1, "mini": 15},
}
SEEN_BY_THE_TOWER = ("dogs", "mini")
"""Sets whose classes are among those that the pretrained image tower was trained to distinguish."""


@dataclass(frozen=True)
class Apart:
    """``classes[draw][set]`` are indices into the set's categories."""

    classes: dict[str, dict[str, tuple[int, ...]]]
    names: frozenset[str]
    synsets: frozenset[str]

    def covers(self, category: Category) -> bool:
        """Whether a category is set apart, or has the same meaning as one that is."""
        return category.synset in self.synsets or any(same_thing(a, b) for a in category.names for b in self.names)

    def mentions(self, text: str) -> bool:
        """Whether a text names anything set apart."""
        return self._pattern().search(plain(text)) is not None

    def _pattern(self) -> re.Pattern[str]:
        return _pattern(self.names)


@lru_cache(maxsize=4)
def _pattern(names: frozenset[str]) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(sorted(map(re.escape, {plain(n) for n in names}), key=len, reverse=True)) + r")(?:s|es)?\b")


@lru_cache(maxsize=200_000)
def plain(name: str) -> str:
    """Lower case, single blanks, singular in the simplest way."""
    name = re.sub(r"[^a-z0-9]+", " ", name.lower()).strip()
    return re.sub(r"(?<=[a-z]{3})s$", "", name) if not name.endswith("ss") else name


def same_thing(a: str, b: str) -> bool:
    """Equal names, or a single word that is the other's last: ``elephant`` and ``African elephant``."""
    a, b = plain(a), plain(b)
    if a == b:
        return True
    short, long = sorted((a, b), key=len)
    return " " not in short and long.endswith(" " + short)


def _drawn(count: int, split: PhotoSet, taken: set[int], rng: np.random.Generator) -> list[int]:
    free = [i for i in range(len(split.categories)) if i not in taken]
    return sorted(int(i) for i in rng.permutation(free)[:count])


def set_apart(sets: dict[str, PhotoSet], seed: int = SEED) -> Apart:
    """Draws the classes, one draw after the other; a class belongs to one of them at most."""
    rng = np.random.default_rng(seed)
    taken: dict[str, set[int]] = {name: set() for name in DRAWS["test"]}
    classes: dict[str, dict[str, tuple[int, ...]]] = {}
    for draw, shares in DRAWS.items():
        classes[draw] = {}
        for name, count in shares.items():
            chosen = _drawn(count, sets[name], taken[name], rng)
            taken[name].update(chosen)
            classes[draw][name] = tuple(chosen)
    categories = [sets[name].categories[i] for name, indices in taken.items() for i in indices]
    return Apart(
        classes,
        frozenset(n for c in categories for n in c.names),
        frozenset(c.synset for c in categories if c.synset),
    )
