"""Reference for the parity test of BERT's tokenizer, with the Python package's own reading of the file. argv: tokenizer.json

Reads a JSON list of texts on stdin and writes {"ids": [...], "words": [[code point, words], ...]}: for each code point c for which
they are not the one word "a" + c + "b", the words that this text becomes.
"""

import json
import sys
from pathlib import Path

from tokenizers import normalizers, pre_tokenizers

from clipn_models.tokenizer import load

tokenizer = load(Path(sys.argv[1]))
ids = [e.ids for e in tokenizer.encode_batch(json.load(sys.stdin))]
normalizer, words = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
split = []
for code in (*range(0xD800), *range(0xE000, 0x110000)):
    text = f"a{chr(code)}b"
    found = [word for word, _ in words.pre_tokenize_str(normalizer.normalize_str(text))]
    if found != [text]:
        split.append([code, found])
json.dump({"ids": ids, "words": split}, sys.stdout)
