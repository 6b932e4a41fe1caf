"""WordNet's database files (wndb(5WN)): synsets of nouns and adjectives with their lemmas and links."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FIELDS = (
    *("adj.all", "adj.pert", "adv.all", "noun.Tops", "noun.act", "noun.animal", "noun.artifact", "noun.attribute", "noun.body", "noun.cognition"),
    *("noun.communication", "noun.event", "noun.feeling", "noun.food", "noun.group", "noun.location", "noun.motive", "noun.object", "noun.person"),
    *("noun.phenomenon", "noun.plant", "noun.possession", "noun.process", "noun.quantity", "noun.relation", "noun.shape", "noun.state"),
    *("noun.substance", "noun.time"),
)
"""Lexicographer files by number; 44 is adj.ppl."""


@dataclass(frozen=True)
class Synset:
    """``lemmas`` with blanks instead of underscores; ``above`` are offsets of hypernyms, ``instance`` marks names of single things."""

    offset: int
    field: str
    lemmas: tuple[str, ...]
    above: tuple[int, ...]
    instance: bool


def synsets(file: Path) -> list[Synset]:
    """Of ``data.noun`` or ``data.adj``, in the order of the file."""
    return [_synset(line) for line in file.read_text("utf-8").splitlines() if line[:1].isdigit()]


def _synset(line: str) -> Synset:
    fields = line.partition(" | ")[0].split()
    number, count = int(fields[1]), int(fields[3], 16)
    words = [_lemma(word) for word in fields[4 : 4 + 2 * count : 2]]
    pointers = fields[5 + 2 * count :]
    links = [(pointers[i], int(pointers[i + 1])) for i in range(0, 4 * int(fields[4 + 2 * count]), 4)]
    above = tuple(offset for kind, offset in links if kind in ("@", "@i"))
    return Synset(int(fields[0]), "adj.ppl" if number == 44 else FIELDS[number], tuple(dict.fromkeys(words)), above, any(kind == "@i" for kind, _ in links))


def _lemma(word: str) -> str:
    """``dry(p)`` -> ``dry``, ``hot_dog`` -> ``hot dog``."""
    return word.partition("(")[0].replace("_", " ")
