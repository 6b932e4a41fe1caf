"""Starting points of the recipe: a trained CLIP, or a CLIPN whose training continues, with its tokenizer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from . import tokenizer as bpe
from .checkpoint import CheckpointError, read_state
from .loader import check_architecture, differences
from .model import CLIPN, arch_config, build

Tokenise = Callable[[list[str]], Tensor]
"""Texts -> int64 [N, T], padded with 0; T may be the context length or the longest text's."""

SETTINGS = ("input_resolution", "context_length", "vocab_size", "logit_bias")
"""Entries of state dicts (OpenAI's among them) that are settings, or belong to losses that this is not trained with."""


def is_no(name: str) -> bool:
    """Whether a parameter belongs to the no tower: ``_no`` at the end of the first part of its name."""
    return name.partition(".")[0].endswith("_no")


def load(checkpoint: Path, arch: str, hand_crafted: bool = False) -> tuple[CLIPN, bool]:
    """The model on the CPU, in eval mode, and whether the checkpoint had a no tower of its own.

    A CLIP gets a no tower that is a copy of its yes tower, and prompts of zeros; the hand-crafted variant has no prompts.
    Raises CheckpointError if names or shapes do not match the architecture, ValueError for an architecture that is unknown or unsuitable for CLIPN.
    """
    config = arch_config(arch)
    check_architecture(config, arch)
    state = {k: v for k, v in read_state(checkpoint).items() if k not in SETTINGS}
    model = build(config, learnable_prompt=not hand_crafted).eval()
    goes_on = any(is_no(k) for k in state)
    if not goes_on:
        state |= {k: v for k, v in model.state_dict().items() if is_no(k)}
    elif "prompt_no" not in state and not hand_crafted:
        raise CheckpointError(f"{checkpoint}: a no tower without prompt_no is the hand-crafted variant, which has no prompt to learn: give --no-template")
    faults = differences(model, state)
    if faults:
        raise CheckpointError("\n  ".join([f"{checkpoint} does not match {arch}:", *faults]))
    model.load_state_dict({k: v for k, v in state.items() if k in model.state_dict()}, strict=False)
    if not goes_on:
        model.start_no_from_yes()
    return model, goes_on


def digest(model: CLIPN, no: bool) -> str:
    """A hash of all weights of the no tower, or of all others; the constant that replaces ``logit_scale`` is in neither."""
    out = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        if is_no(name) == no and name not in ("logit_scale", "logit_bias"):
            out.update(f"{name} {value.dtype} {list(value.shape)}".encode())
            out.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return out.hexdigest()


def load_tokenizer(model: CLIPN, path: Path | None) -> tuple[Tokenise, str]:
    """The tokenizer and a name for it: ``path`` in Hugging Face's format, otherwise CLIP's own if the vocabulary is CLIP's."""
    context, entries = model.context_length, model.vocab_size
    if path is not None:
        tok = bpe.load(path)
        if tok.get_vocab_size() > entries:
            raise ValueError(f"{path}: {tok.get_vocab_size()} entries, the model's vocabulary has {entries}")
        return (lambda texts: bpe.encode(tok, texts, context)), hashlib.sha256(path.read_bytes()).hexdigest()
    from open_clip.tokenizer import SimpleTokenizer

    clip = SimpleTokenizer(context_length=context)
    if clip.vocab_size != entries:
        raise ValueError(f"the model's vocabulary has {entries} entries and CLIP's tokenizer {clip.vocab_size}: name its own with --tokenizer tokenizer.json")
    return clip, "clip"
