"""CLIP's tokenizer from the reference, for comparison: reads a JSON list of texts on stdin and writes
{"clean": [...], "ids": [...]} as open_clip has them. argv: where to write this package's tokenizer.json."""

import json
import sys
from pathlib import Path

from open_clip.tokenizer import SimpleTokenizer

from clipn_models.clip_tokenizer import write_clip_tokenizer

write_clip_tokenizer(Path(sys.argv[1]))
reference = SimpleTokenizer()
texts = json.load(sys.stdin)
ids = [[reference.sot_token_id, *reference.encode(text), reference.eot_token_id] for text in texts]
json.dump({"clean": [reference.clean_fn(text) for text in texts], "ids": ids}, sys.stdout)
