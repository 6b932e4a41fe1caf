"""CLIP's tokenizer from the reference, for comparison: reads a JSON list of texts on stdin and writes
{"clean": [...], "ids": [...], "assigned": [...]} as open_clip has them. argv: where to write this package's tokenizer.json.

``assigned`` is false where a text has code points without a meaning in Python's edition of Unicode: what is a letter, and which
letter is its lower case, then depends on whose tables are newer.
"""

import importlib.util
import json
import sys
import types
import unicodedata
from pathlib import Path

# the package without its models, which would load torchvision, timm and transformers
package = types.ModuleType("open_clip")
package.__path__ = importlib.util.find_spec("open_clip").submodule_search_locations
sys.modules["open_clip"] = package

from open_clip.tokenizer import SimpleTokenizer  # noqa: E402

from clipn_models.clip_tokenizer import write_clip_tokenizer  # noqa: E402

write_clip_tokenizer(Path(sys.argv[1]))
reference = SimpleTokenizer()
texts = json.load(sys.stdin)
clean = [reference.clean_fn(text) for text in texts]
# encode cleans its text first, which is most of the work
reference.clean_fn = dict(zip(texts, clean, strict=True)).__getitem__
ids = [[reference.sot_token_id, *reference.encode(text), reference.eot_token_id] for text in texts]
assigned = [all(unicodedata.category(c) != "Cn" for c in text) for text in clean]
print(json.dumps({"clean": clean, "ids": ids, "assigned": assigned}))
