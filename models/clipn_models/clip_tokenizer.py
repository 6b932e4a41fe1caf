"""CLIP's tokenizer as a tokenizer.json, and the clean-up that the reference applies to every text before it.

The vocabulary and its merges are those of open_clip. The clean-up (open_clip's ``clean="lower"``) repairs mojibake with ftfy, decodes
HTML entities twice, replaces white space by single blanks, and lower-cases. No tokenizer format can express that. The file therefore has
an additional entry ``clean`` with the tables of the clean-up, taken from the installed libraries when the file is made. The service uses
these tables, so later versions of ftfy do not change its ids.
"""

from __future__ import annotations

import html.entities
import json
from importlib.metadata import version
from pathlib import Path

from tokenizers import Regex, Tokenizer, pre_tokenizers, processors
from tokenizers.models import BPE

CLEAN = "clip"
"""Name of the clean-up, in tokenizer.json and in the manifest."""

PATTERN = "'[sſ]|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}\u0345]+"
"""CLIP's words. The reference matches without regard to case; in a text that is lower case already this means two things only: ſ
counts as s, and the combining iota (U+0345) is lost. Said outright, because not every runtime can ignore case the same way."""

VOCABULARY = 49408


def write_clip_tokenizer(path: Path) -> None:
    """Writes tokenizer.json with CLIP's vocabulary and clean-up (about 2.5 MB)."""
    from open_clip.tokenizer import SimpleTokenizer

    reference = SimpleTokenizer()
    merges = sorted(reference.bpe_ranks, key=reference.bpe_ranks.__getitem__)
    tokenizer = Tokenizer(BPE(reference.encoder, merges, continuing_subword_prefix="", end_of_word_suffix="</w>", fuse_unk=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    # the markers are not added tokens: in a text they are plain characters, so a class name cannot end its own prompt
    start, end = reference.all_special_ids
    names = {i: token for token, i in reference.encoder.items() if i in (start, end)}
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{names[start]} $A {names[end]}", special_tokens=[(names[start], start), (names[end], end)]
    )
    content = json.loads(tokenizer.to_str())
    content["clean"] = clean_tables()
    path.write_text(json.dumps(content, ensure_ascii=False) + "\n")


def clean_tables() -> dict:
    """The tables of the clean-up, from ftfy and Python's list of HTML entities. The patterns use only syntax that JavaScript has too."""
    from ftfy import badness, chardata, fixes

    entities = html.entities.html5
    more = {k[1:]: v for k, v in chardata.HTML_ENTITIES.items() if k[1:] not in entities}
    return {
        "rule": CLEAN,
        "source": f"ftfy {version('ftfy')}",
        "encodings": [{"name": name, "high": bytes(range(128, 256)).decode(name)} for name in chardata.CHARMAP_ENCODINGS],
        "bad": portable(badness.BADNESS_RE.pattern),
        "embedded": portable(chardata.UTF8_DETECTOR_RE.pattern),
        "altered": chardata.ALTERED_UTF8_RE.pattern.decode("latin-1"),
        "altered_word": fixes.A_GRAVE_WORD_RE.pattern.decode("latin-1"),
        "lossy": chardata.LOSSY_UTF8_RE.pattern.decode("latin-1"),
        "ligatures": {chr(k): v for k, v in chardata.LIGATURES.items()},
        "entities": dict(sorted(entities.items())),
        "entities_upper_case": dict(sorted(more.items())),
    }


SPACE = r"[\p{White_Space}\x1c-\x1f]"
"""The characters that Python's ``\\s`` matches in text."""


def portable(pattern: str) -> str:
    """A verbose Python pattern as a plain one that matches the same texts in JavaScript, which defines ``\\s``, ``\\w`` and ``.`` differently for Unicode."""
    out, at, inside = [], 0, False
    while at < len(pattern):
        c = pattern[at]
        if c == "\\":
            pair = pattern[at : at + 2]
            known = {r"\s": SPACE, r"\w": r"[\p{L}\p{N}_]", r"\x": r"\x"}
            if pair not in known or (inside and pair != r"\x"):
                raise ValueError(f"no portable form of {pair} in {'a class' if inside else 'a pattern'} is known")
            out.append(known[pair])
            at += 1
        elif inside:
            inside = c != "]"
            out.append(c)
        elif c == "#":
            at = pattern.index("\n", at)
        elif c == ".":
            out.append(r"[^\n]")
        elif not c.isspace():
            inside = c == "["
            out.append(c)
        at += 1
    return "".join(out)
