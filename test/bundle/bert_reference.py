"""Reference for the parity test of BERT's tokenizer, with the Python package's own reading of the file. argv: tokenizer.json

Reads a JSON list of texts on stdin and writes {"ids": [...], "words": [[code point, words], ...]}: for each code point c for which
they are not the one word "a" + c + "b", the words that this text becomes.
"""

import json
import sys
from pathlib import Path

from tokenizers import normalizers, pre_tokenizers

from clipn_models.tokenizer import load

CHUNK = 256

tokenizer = load(Path(sys.argv[1]))
ids = [e.ids for e in tokenizer.encode_batch(json.load(sys.stdin))]
normalizer, words = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()


def read(text: str) -> list[str]:
    return [word for word, _ in words.pre_tokenize_str(normalizer.normalize_str(text))]


split = []
codes = [*range(0xD800), *range(0xE000, 0x110000)]
for first in range(0, len(codes), CHUNK):
    texts = [f"a{chr(code)}b" for code in codes[first : first + CHUNK]]
    # one text of many words takes a third of the time. Each has one word at least, so as many words as texts means one word each
    together = read(" ".join(texts))
    each = [[word] for word in together] if len(together) == len(texts) else [read(text) for text in texts]
    split += [[ord(text[1]), found] for text, found in zip(texts, each, strict=True) if found != [text]]
print(json.dumps({"ids": ids, "words": split}))
