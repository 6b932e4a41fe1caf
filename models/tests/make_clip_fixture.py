"""Makes test/bundle/fixtures/clip-tokenizer.json: CLIP's tokenizer reduced to the entries that a few texts need, with those texts, what the
reference's clean-up makes of them, and their ids. The service's tests compare with it where there is no Python.

``python -m tests.make_clip_fixture`` in models/. Only merges that the texts use are kept, in their order: the others never applied.
"""

from __future__ import annotations

import itertools
import json
import tempfile
from pathlib import Path

from open_clip.tokenizer import SimpleTokenizer

from clipn_models.clip_tokenizer import write_clip_tokenizer

OUT = Path(__file__).parents[2] / "test" / "bundle" / "fixtures" / "clip-tokenizer.json"

TEXTS = [
    "",
    "a photo of a dog.",
    "'a photo of a {}.',",
    "It's what THEY'LL say: we've 10,000 dogs, don't we?",
    "cafÃ© crÃ¨me brÃ»lÃ©e",
    "cafÃƒÂ© twice",
    "â€œquotedâ€\x9d â€” and â€˜moreâ€™",
    "lossy â€œ like this â€\ufffd",
    "voilÃ  le travail, Ã la mode",
    "ĂˇrvĂ­ztĹ±rĹ‘ tĂĽkĂ¶rfĂşrĂłgĂ©p",
    "РїСЂРёРІРµС‚ РјРёСЂ",
    "ÐŸÑ€Ð¸Ð²ÐµÑ‚",
    "Î¬Î½Î¸ÏÏ‰Ï€Î¿Ï‚",
    "ðŸ\x90• dog",
    "√© in MacRoman, ├⌐ in cp437",
    "mixed cafÃ© – 犬 and Ã¼ber",
    "a\x80b\x85c\x99d",
    "&lt;b&gt; &amp;amp; &eacute; &NTILDE; &notit; &hellip; this&not that",
    "<b>&eacute;</b> &amp;eacute;",
    "&#65;&#x42;&#128;&#x1F600;&#0;&#xD800;&#55;x &#99999999; &#1; &#x;",
    "‘single’ “double” ʼn ŉ",
    "Ｆｕｌｌ　ｗｉｄｔｈ ﾊﾝｶｸ",
    "ﬁne ﬂuﬃer ﬅ ĳ Ǆ",
    "tabs\tand\r\nlines\u2028and\x85more\u00a0spaces\u3000here",
    "\x1b[31mred\x1b[0m \x00nul\x7f \ufeffbom \ufffc",
    "ΟΔΟΣ ΣΑΣ Σ İSTANBUL Straße",
    "'ſ after an apostrophe, ͅ alone",
    "e\u0301 a\u030a 각",
    "犬 dog 🐕 собака कुत्ता สุนัข",
    "1½ 2² Ⅷ ①",
    "lone \ud83d surrogate",
    "no-break\u00a0only",
]


def merges_of(word: str, ranks: dict[tuple[str, str], int]) -> set[tuple[str, str]]:
    """The merges that encoding one word, in byte symbols, goes through."""
    parts = [*word[:-1], word[-1] + "</w>"]
    used = set()
    while len(parts) > 1:
        pair = min(itertools.pairwise(parts), key=lambda p: ranks.get(p, len(ranks)))
        if pair not in ranks:
            break
        used.add(pair)
        merged: list[str] = []
        for part in parts:
            if merged and (merged[-1], part) == pair and not merged[-1].endswith("</w>"):
                merged[-1] += part
            else:
                merged.append(part)
        parts = merged
    return used


def main() -> None:
    reference = SimpleTokenizer()
    used: set[tuple[str, str]] = set()
    cases = []
    for text in TEXTS:
        clean = reference.clean_fn(text)
        for word in reference.pat.findall(clean):
            used |= merges_of("".join(reference.byte_encoder[b] for b in word.encode()), reference.bpe_ranks)
        cases.append({"text": text, "clean": clean, "ids": [reference.sot_token_id, *reference.encode(text), reference.eot_token_id]})
    with tempfile.TemporaryDirectory() as temporary:
        write_clip_tokenizer(Path(temporary) / "tokenizer.json")
        content = json.loads((Path(temporary) / "tokenizer.json").read_text())
    needed = {"".join(pair) for pair in used}
    content["model"]["vocab"] = {token: i for token, i in content["model"]["vocab"].items() if i < 512 or token in needed}
    content["model"]["merges"] = [pair for pair in content["model"]["merges"] if tuple(pair) in used]
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({"tokenizer": content, "cases": cases}, indent=0) + "\n")


if __name__ == "__main__":
    main()
