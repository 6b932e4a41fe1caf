"""What the training classes are called: canonical names, synonyms and hypernyms, and which texts fit which class."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

LEXICON = Path(__file__).parent / "lexicon"
BINOMIAL = re.compile(r"^[A-Z][a-z]+ [a-z]+$")


@dataclass
class ClassNames:
    """One training class: ``names[0]`` is canonical (used for evaluation), the rest are synonyms."""

    dataset: str
    key: str
    names: list[str]
    hypernyms: list[str] = field(default_factory=list)


def _entries(file: str) -> dict[str, list[str]]:
    rows = {}
    for line in (LEXICON / file).read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            key, _, values = line.partition(" = ")
            rows[key.strip()] = [v.strip() for v in values.split(",")]
    return rows


def load(dataset: str, keys: list[str], words: dict[str, str] | None = None) -> list[ClassNames]:
    """Names of a data set's classes in the order of ``keys``.

    ``words`` maps WordNet ids to comma-separated synonyms (Tiny-ImageNet's words.txt); Latin binomials among the synonyms
    are left out, nobody registers a class by them.
    """
    overrides, hypernyms = _entries("names.txt"), _entries("hypernyms.txt")
    classes = []
    for key in keys:
        names = overrides.get(f"{dataset}/{key}")
        if names is None and words is not None:
            synonyms = [s.strip() for s in words[key].split(",")]
            names = synonyms[:1] + [s for s in synonyms[1:] if not BINOMIAL.match(s)]
        names = names or [key.replace("_", " ")]
        over = [h for h, members in hypernyms.items() if names[0] in members and h not in names]
        classes.append(ClassNames(dataset, key, names, over))
    return classes


def relation(name: str, owner: ClassNames, shown: ClassNames) -> int:
    """Does a text with ``name`` (one of ``owner``'s) describe an image of class ``shown``? 1 yes, 0 no, -1 can't be said.

    Unknown: the image's class is the more general one ("chair" against a text about rocking chairs), or the two classes
    share a name although this one is not shared.
    """
    mine = {n.lower() for n in shown.names}
    if name.lower() in mine or name.lower() in {h.lower() for h in shown.hypernyms}:
        return 1
    theirs = {n.lower() for n in owner.names} | {h.lower() for h in owner.hypernyms}
    return -1 if theirs & mine or {n.lower() for n in owner.names} & {h.lower() for h in shown.hypernyms} else 0
