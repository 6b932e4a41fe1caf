"""What the recipe starts from: a trained CLIP, or a CLIPN to go on from, with its tokenizer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from . import tokenizer as bpe
from .checkpoint import CheckpointError, read_state
from .model import CLIPN, arch_config, build

Tokenise = Callable[[list[str]], Tensor]
"""Texts -> int64 [N, T], padded with 0; T may be the context length or the longest text's."""

NOISE = ("input_resolution", "context_length", "vocab_size", "attn_mask")
"""Entries of OpenAI's and early open_clip state dicts that are settings and not weights."""


def is_no(name: str) -> bool:
    """Whether a parameter belongs to the no tower: ``_no`` at the end of the first part of its name."""
    return name.partition(".")[0].endswith("_no")


def check_text_tower(arch: str, config: dict) -> None:
    """Raises ValueError for architectures whose text tower is not CLIP's own: causal, read at the end-of-text token."""
    text = config.get("text_cfg", {})
    other = config.get("custom_text") or config.get("multimodal_cfg") or text.get("hf_model_name")
    if other or text.get("no_causal_mask") or text.get("embed_cls") or text.get("pool_type", "argmax") != "argmax":
        raise ValueError(f"{arch}: its text tower is not CLIP's (causal, read at the end of the text), which is what CLIPN doubles")


def load(checkpoint: Path, arch: str) -> tuple[CLIPN, bool]:
    """The model on the CPU, in eval mode, and whether the checkpoint had a no tower of its own to go on from.

    A CLIP gets a no tower that is a copy of its yes tower, and prompts of zeros. Raises CheckpointError where names or shapes
    don't match the architecture, ValueError for an architecture that is unknown or can't be a CLIPN.
    """
    config = arch_config(arch)
    check_text_tower(arch, config)
    state = {k: v for k, v in read_state(checkpoint).items() if k not in NOISE}
    model = build(config).eval()
    goes_on = any(is_no(k) for k in state)
    wanted = {k: v for k, v in model.state_dict().items() if goes_on or not is_no(k)}
    faults = [f"lacks {k}" for k in wanted if k not in state and k != "logit_scale"]  # the method ignores the scale
    faults += [f"has {k}, which the architecture has not" for k in state if k not in wanted and k != "logit_bias"]
    faults += [f"{k} is {list(state[k].shape)} and not {list(v.shape)}" for k, v in wanted.items() if k in state and state[k].shape != v.shape]
    if "prompt_no" in wanted and "lacks prompt_no" in faults:
        faults = ["has a no tower without prompt_no: the hand-crafted variant, which has no prompt to learn"]
    if faults:
        more = f" and {len(faults) - 5} more faults" if len(faults) > 5 else ""
        raise CheckpointError(f"{checkpoint} does not match {arch}: {'; '.join(faults[:5])}{more}")
    model.load_state_dict({k: v for k, v in state.items() if k in wanted}, strict=False)
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
    """The tokenizer and a name for it: ``path`` in Hugging Face's format, else CLIP's own where the vocabulary is CLIP's."""
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
