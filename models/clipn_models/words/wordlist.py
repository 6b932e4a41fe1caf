"""The word list: candidate words for negative labels, and the links that say which of them are related to a class name.

``words.txt`` (compressed, see ``words.json``) has one synset a line: lemmas separated by ``|``, a tab, and the line numbers of its hypernyms,
counted from 0. The first lemmas of the first ``nouns`` lines are the candidate nouns. After ``synsets`` lines, the last ``adjectives`` lines are
candidate adjectives. A word has an index: nouns, then adjectives, then the conjugated pool, which is each adjective with a superclass.
"""

from __future__ import annotations

import gzip
import json
import re
from functools import cached_property
from pathlib import Path

SUPERCLASSES = tuple(
    ["area", "creature", "environment", "item", "landscape", "object", "pattern", "place", "scene", "space", "structure", "thing", "view", "vista"]
)
"""Of CSP's official code; ``item i`` of the pool has number i modulo 14, so that neighbours in WordNet get different ones."""


class WordList:
    def __init__(self, folder: Path):
        self.about = json.loads((folder / "words.json").read_text())
        lines = gzip.decompress((folder / "words.txt.gz").read_bytes()).decode().split("\n")[:-1]
        split = [line.split("\t") for line in lines[: self.about["synsets"]]]
        self.lemmas = [tuple(lemmas.split("|")) for lemmas, _ in split]
        self.above = [tuple(map(int, above.split())) for _, above in split]
        self.nouns = [lemmas[0] for lemmas in self.lemmas[: self.about["nouns"]]]
        self.adjectives = lines[self.about["synsets"] :]
        self.pool = [f"{word} {self.about['superclasses'][i % len(self.about['superclasses'])]}" for i, word in enumerate(self.adjectives)]
        a, b = len(self.nouns), len(self.nouns) + len(self.adjectives)
        self.parts = {"nouns": (0, a), "adjectives": (a, b), "pool": (b, b + len(self.pool))}

    @cached_property
    def _senses(self) -> dict[str, list[int]]:
        out: dict[str, list[int]] = {}
        for i, lemmas in enumerate(self.lemmas):
            for lemma in lemmas:
                out.setdefault(lemma.lower(), []).append(i)
        return out

    @cached_property
    def _below(self) -> list[list[int]]:
        out: list[list[int]] = [[] for _ in self.lemmas]
        for i, above in enumerate(self.above):
            for j in above:
                out[j].append(i)
        return out

    def senses(self, name: str) -> list[int]:
        """Synsets of the longest part of a class name that has some: parts end at the last word, else at the last but one, and so on."""
        words = re.split(r"[,(]", name)[0].lower().replace("_", " ").split()
        for end in range(len(words), 0, -1):
            for start in range(end):
                phrase = " ".join(words[start:end])
                for form in forms(phrase):
                    if form in self._senses:
                        return self._senses[form]
        return []

    def related(self, name: str) -> frozenset[int]:
        """Indices of the words that are synonyms, superclasses or subclasses of a class name, in any of its senses."""
        senses = self.senses(name)
        near = {*_reached(senses, self.above), *_reached(senses, self._below)}
        index = {word: i for i, word in enumerate(self.nouns)}
        adjectives = {word: i for i, word in enumerate(self.adjectives)}
        found = {index[lemma.lower()] for i in near for lemma in self.lemmas[i] if lemma.lower() in index}
        plain = name.lower().strip()
        return frozenset(found | ({adjectives[plain] + len(self.nouns)} if plain in adjectives else set()))


def forms(phrase: str) -> list[str]:
    """A phrase, its singulars in the simplest way, and all of them with blanks for hyphens."""
    out = [phrase]
    for plural, singular in (("ies", "y"), ("es", ""), ("s", "")):
        if phrase.endswith(plural) and not phrase.endswith("ss"):
            out.append(phrase[: -len(plural)] + singular)
    return out + [form.replace("-", " ") for form in out if "-" in form]


def _reached(start: list[int], links: list) -> set[int]:
    out, left = set(), list(start)
    while left:
        i = left.pop()
        if i not in out:
            out.add(i)
            left += links[i]
    return out
