"""Writes test/bundle/fixtures/wordpiece-*.json: a small BERT-type tokenizer and the ids that the `tokenizers` package gives for texts.

The vocabulary is made here: single characters of several scripts, at a word's beginning and inside, and some pieces of words.
Run once, from models/: python -m tests.make_wordpiece_fixture
"""

import json
import random
from pathlib import Path

from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece

FIXTURES = Path(__file__).parents[2] / "test/bundle/fixtures"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = [
    *("a", "photo", "of", "the", "dog", "golden", "retriever", "cat", "sun", "flower", "istanbul", "strasse", "crème", "cafe", "odos"),
    *("東京", "犬", "привет", "καλημερα", "שלום", "안녕", "여", "ᄒ", "ᅡ", "ᆫ", "ing", "er", "s", "ed", "light", "house"),
]
RANGES = [
    *((0x21, 0x7E), (0xA1, 0xFF), (0x3B1, 0x3C9), (0x430, 0x44F), (0x5D0, 0x5EA), (0x3041, 0x3060), (0x4E00, 0x4E20)),
    *((0x1F600, 0x1F60F), (0x2010, 0x2027), (0x1100, 0x1112), (0x1161, 0x1175)),
]
POOLS = [
    *RANGES,
    *((0x00, 0x20), (0x7F, 0xA0), (0x100, 0x24F), (0x300, 0x36F), (0xAC00, 0xAC80), (0x2000, 0x206F), (0xFE00, 0xFE1F)),
    *((0xFFF0, 0xFFFD), (0xE000, 0xE010), (0x105C0, 0x105E4), (0x20000, 0x20010), (0x1E00, 0x1EFF)),
]
WORDS = [
    *PIECES,
    *("[SEP]", "[CLS]", "[PAD]", "don't", "İSTANBUL", "ΟΔΟΣ", "Crème", "Cre\u0300me", "CAFÉ", "straße", "ﬁne", "\ufffd"),
    *("x" * 100, "x" * 101, "a" * 99 + "\u0301", "10,000", "🐕", "👩\u200d👩\u200d👧", "東京犬dog", "한국어", "…", "½"),
]


def tokenizer(vocabulary: list[str]) -> Tokenizer:
    ids = {token: i for i, token in enumerate(vocabulary)}
    tok = Tokenizer(WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100))
    tok.normalizer = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=True)
    tok.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tok.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return tok


def texts(count: int) -> list[str]:
    rng = random.Random(7)

    def odd() -> str:
        return "".join(chr(rng.randint(*rng.choice(POOLS))) for _ in range(rng.randint(1, 5)))

    def text() -> str:
        parts = [rng.choice(WORDS) if rng.random() < 0.5 else odd() for _ in range(rng.randint(1, 6))]
        return rng.choice(["", " "]).join(parts)

    return ["", " ", *WORDS, *(text() for _ in range(count))]


def vocabulary() -> list[str]:
    characters = [chr(c) for a, b in RANGES for c in range(a, b + 1)]
    starts = [c for c in characters if c == c.lower()]
    inside = [f"##{c}" for c in starts if c.isalnum() or not c.isascii()]
    return list(dict.fromkeys([*SPECIAL, *starts, *PIECES, *inside, *(f"##{p}" for p in PIECES)]))


if __name__ == "__main__":
    tok = tokenizer(vocabulary())
    lines = texts(600)
    pairs = [[line, e.ids] for line, e in zip(lines, tok.encode_batch(lines), strict=True)]
    FIXTURES.joinpath("wordpiece-ids.json").write_text(json.dumps(pairs, ensure_ascii=True) + "\n")
    tok.add_special_tokens(SPECIAL)
    FIXTURES.joinpath("wordpiece-tokenizer.json").write_text(tok.to_str(pretty=False) + "\n")
