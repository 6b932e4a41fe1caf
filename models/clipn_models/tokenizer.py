"""A byte-level BPE in CLIP's manner, trained on the texts of the model, in Hugging Face tokenizers' format.

Normalisation: NFC, white space to single blanks, lower case. Words by CLIP's pattern, bytes as symbols, end-of-word
suffix. Start- and end-of-text are the two highest ids (CLIP reads a text at the arg-max of its ids); padding is id 0.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import Encoding, Regex, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

if TYPE_CHECKING:
    import torch

START, END = "<|startoftext|>", "<|endoftext|>"
PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def train(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    tokenizer = Tokenizer(BPE(continuing_subword_prefix="", end_of_word_suffix="</w>", fuse_unk=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(PATTERN), behavior="removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = BpeTrainer(
        vocab_size=vocab_size - 2,
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
        show_progress=False,
        # every byte also as the last of a word; listed here, because the trainer numbers symbols in random order
        # and breaks ties between merges by number: the same texts would give another tokenizer each time
        special_tokens=[symbol + "</w>" for symbol in alphabet],
    )
    tokenizer.train_from_iterator(texts, trainer)
    return _finish(tokenizer, vocab_size)


def _finish(tokenizer: Tokenizer, vocab_size: int) -> Tokenizer:
    """Fills up the vocabulary and appends the two markers."""
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = []
    vocab = state["model"]["vocab"]
    while len(vocab) < vocab_size - 2:
        vocab[f"<|unused{len(vocab)}|>"] = len(vocab)
    if len(vocab) != vocab_size - 2:
        raise ValueError(f"the trained vocabulary has {len(vocab)} entries, {vocab_size - 2} fit")
    vocab[START], vocab[END] = vocab_size - 2, vocab_size - 1
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.add_special_tokens([START, END])
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{START} $A {END}", special_tokens=[(START, vocab_size - 2), (END, vocab_size - 1)])
    return tokenizer


class CleanTokenizer:
    """A tokenizer that first applies the clean-up of its file (see ``clip_tokenizer``)."""

    def __init__(self, tokenizer: Tokenizer, clean: Callable[[str], str]):
        self._tokenizer = tokenizer
        self._clean = clean

    def encode_batch(self, texts: list[str]) -> list[Encoding]:
        return self._tokenizer.encode_batch([self._clean(text) for text in texts])


def load(path: Path) -> Tokenizer | CleanTokenizer:
    """The tokenizer of a file, its clean-up included. Raises ValueError for an unknown clean-up."""
    content = json.loads(path.read_text())
    clean = content.pop("clean", None)
    if content["model"]["type"] == "WordPiece":
        # without the entry, "[SEP]" in a text is plain characters; with it, a class name could end its own prompt
        tokenizer = Tokenizer.from_str(json.dumps({**content, "added_tokens": []}))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer
    if clean is None:
        return Tokenizer.from_file(str(path))
    if clean["rule"] != "clip":
        raise ValueError(f"{path}: the clean-up {clean['rule']!r} is not known")
    from open_clip.tokenizer import get_clean_fn

    return CleanTokenizer(Tokenizer.from_str(json.dumps(content)), get_clean_fn("lower"))


def clean_rule(path: Path) -> str | None:
    """Name of the clean-up that texts go through before the tokenizer of this file; None if it is the file's own normaliser."""
    return json.loads(path.read_text()).get("clean", {}).get("rule")


def encode(tokenizer: Tokenizer | CleanTokenizer, texts: list[str], context_length: int) -> torch.Tensor:
    """int64 [N, T]: ids padded with 0 to the longest text; a text longer than ``context_length`` is truncated and keeps its end token."""
    rows = [e.ids for e in tokenizer.encode_batch(texts)]
    rows = [r if len(r) <= context_length else [*r[: context_length - 1], r[-1]] for r in rows]
    width = max(len(r) for r in rows)
    import torch  # reading and writing tokenizers need no PyTorch, whose import takes seconds

    return torch.tensor([r + [0] * (width - len(r)) for r in rows], dtype=torch.int64)
