"""Loads a checkpoint as a CLIPN model, or raises an error that names every mismatch.

The official loader is not strict: it loads a checkpoint without a no tower, whose answers are then random. This loader refuses it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from .checkpoint import CheckpointError, read_state
from .model import CLIPN, arch_config, build

VARIANTS = ("auto", "learnable", "hand-crafted")

HARMLESS = re.compile(r"(^|\.)(attn_mask|position_ids|num_batches_tracked)$")
"""Entries that hold no learned values: masks and counters that only some versions of the libraries save."""

UNUSED = {"logit_scale"}
"""CLIPN's scale is the constant 100, whatever the checkpoint says."""


def load_clipn(path: Path | str, arch: str | dict, variant: str = "auto") -> CLIPN:
    """The CLIPN model of a checkpoint, single precision, on the CPU, in eval mode.

    ``arch``: an open_clip configuration, by name (this package's or open_clip's), path of a JSON file, or the dictionary itself.
    ``variant``: "learnable" (with ``prompt_no``), "hand-crafted" (without) or "auto", which looks for ``prompt_no``.
    Raises CheckpointError with every missing, surplus, misshapen and non-finite parameter by name, and for a no tower that has
    is untrained; ValueError for an architecture that is unknown or whose text tower CLIPN can't double.
    """
    if variant not in VARIANTS:
        raise ValueError(f"unknown variant {variant!r}; it is one of {', '.join(VARIANTS)}")
    config = arch_config(arch) if isinstance(arch, str) else arch
    check_architecture(config, arch if isinstance(arch, str) else "the configuration")
    state = read_state(path)
    learnable = "prompt_no" in state if variant == "auto" else variant == "learnable"
    model = build(config, learnable_prompt=learnable).eval()
    faults = differences(model, state)
    if faults:
        raise CheckpointError("\n  ".join([f"{path} is no {'learnable' if learnable else 'hand-crafted'} CLIPN of this architecture:", *faults]))
    model.load_state_dict({name: value for name, value in state.items() if name in model.state_dict()}, strict=False)
    if untrained(model):
        raise CheckpointError(
            f"{path}: the no tower equals its initialisation (every *_no parameter is that of the yes tower, prompt_no is zero): it is untrained"
        )
    return model.requires_grad_(False)


def twin(arch: str) -> str | None:
    """A warning if open_clip has the same shapes with the other activation, because no check of a bundle can distinguish the two."""
    import open_clip

    quick = arch.endswith("-quickgelu")
    other = arch.removesuffix("-quickgelu") if quick else f"{arch}-quickgelu"
    if Path(arch).is_file() or other not in open_clip.list_models():
        return None
    return (
        f"{arch} computes {'QuickGELU' if quick else 'the exact GELU'}; {other} has the same shapes with {'the exact GELU' if quick else 'QuickGELU'}. "
        "A checkpoint does not say which one it was trained with: OpenAI's and DFN's CLIP need QuickGELU, LAION's and CLIPN's the exact one"
    )


def check_architecture(config: dict, name: str) -> None:
    """Raises ValueError unless the text tower is open_clip's own: causal, learned positions, read at the end-of-text token."""
    text = config.get("text_cfg", {})
    reasons = [f"{key}: {config[key]}" for key in ("custom_text", "multimodal_cfg") if config.get(key)]
    own = {"pool_type": "argmax", "proj_type": "linear"}
    reasons += [f"text_cfg.{key}: {text[key]}" for key, value in own.items() if text.get(key, value) != value]
    foreign = ("hf_model_name", "hf_tokenizer_name", "tokenizer_kwargs", "no_causal_mask", "embed_cls", "proj_bias", "output_tokens", "final_ln_after_pool")
    reasons += [f"text_cfg.{key}: {text[key]}" for key in foreign if text.get(key)]
    if reasons:
        raise ValueError(f"{name}: CLIPN needs a text tower of open_clip's own kind (causal, read at the end-of-text token); here {'; '.join(reasons)}")


def differences(model: CLIPN, state: dict[str, Tensor]) -> list[str]:
    """Differences between ``state`` and the parameters of ``model``: one line for each kind of fault, each with all names."""
    wanted = {n: p for n, p in model.state_dict().items() if not HARMLESS.search(n)}
    given = {n: v for n, v in state.items() if not HARMLESS.search(n)}
    missing = wanted.keys() - given.keys() - UNUSED
    both = [n for n in wanted if n in given and n not in UNUSED]
    shapes: dict[str, list[str]] = {}
    for n in both:
        if given[n].shape != wanted[n].shape:
            shapes.setdefault(f"{list(given[n].shape)} instead of {list(wanted[n].shape)}", []).append(n)
    types = [n for n in both if not given[n].is_floating_point()]
    broken = [n for n in both if given[n].is_floating_point() and not torch.isfinite(given[n]).all()]
    no_tower = {n for n in wanted if n.partition(".")[0].endswith("_no")}
    lines = ["it has no no tower at all: this is a CLIP, not a CLIPN"] if no_tower and no_tower <= missing else []
    for what, names in (
        ("missing", missing),
        ("surplus", given.keys() - wanted.keys() - UNUSED),
        *((f"wrong shape, {shape}", names) for shape, names in shapes.items()),
        ("no floating-point numbers", types),
        ("not finite (NaN or infinity)", broken),
    ):
        if names:
            lines.append(f"{what}: {', '.join(compact(names))}")
    return lines


def compact(names: Iterable[str]) -> list[str]:
    """Names that differ in one block number are written as one: layers.0.w, layers.1.w, layers.3.w -> layers.{0-1,3}.w."""
    groups: dict[str, list[int]] = {}
    for name in names:
        head, number, tail = re.fullmatch(r"(?:(.*?\.)(\d+)(?=\.))?(.*)", name, re.DOTALL).groups()
        groups.setdefault(f"{head}{{}}{tail}" if number else tail, []).append(int(number or 0))
    return sorted(key.replace("{}", f"{{{_ranges(numbers)}}}" if len(numbers) > 1 else str(numbers[0]), 1) for key, numbers in groups.items())


def _ranges(numbers: list[int]) -> str:
    runs: list[list[int]] = []
    for n in sorted(numbers):
        if runs and n == runs[-1][1] + 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def untrained(model: CLIPN) -> bool:
    """Whether the no tower is untrained: a copy of the yes tower, ``prompt_no`` zero."""
    state = model.state_dict()
    for name, value in model.no_parameters().items():
        stem, dot, rest = name.partition(".")
        start = torch.zeros_like(value) if stem == "prompt_no" else state[stem.removesuffix("_no") + dot + rest]
        if not torch.equal(value, start):
            return False
    return True
