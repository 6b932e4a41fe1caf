"""Reference ids for the tokenizer parity test: reads a JSON list of texts on stdin, writes their ids. argv: tokenizer.json"""

import json
import sys

from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file(sys.argv[1])
texts = json.load(sys.stdin)
print(json.dumps([e.ids for e in tokenizer.encode_batch(texts)]))
