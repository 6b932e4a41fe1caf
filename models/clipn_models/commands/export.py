"""``export``: a CLIPN checkpoint, the official one's format included, as a bundle that is verified before the command ends."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def export(args: argparse.Namespace) -> None:
    from ..verify import Faults

    try:
        run(args)
    except (Faults, ValueError, OSError) as error:
        sys.exit(f"{args.checkpoint}: not exported: {error}")


def checked_name(args: argparse.Namespace) -> str:
    """The name of the bundle: the given one, or that of its directory. Raises ValueError if the name or the version has not the form of one."""
    import re

    name = args.name or re.sub(r"[^a-z0-9._-]+", "-", args.out.resolve().name.lower()).strip("._-")
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", name):
        raise ValueError(f"the name {name!r} is not lower-case letters, digits, dots, hyphens and underscores, at most 64")
    if not re.fullmatch(r"\d+\.\d+\.\d+.*", args.version):
        raise ValueError(f"the version {args.version!r} is not like 1.0.0")
    return name


def run(args: argparse.Namespace) -> None:
    """Cheap checks come before expensive work. Raises ValueError with the fault."""
    import datetime
    import json
    import tempfile

    from ..bundle import sha256, write
    from ..clip_tokenizer import VOCABULARY, write_clip_tokenizer
    from ..loader import load_clipn, twin
    from ..model import arch_config
    from ..templates import prompts
    from ..verify import verify
    from .default import _commit

    name = checked_name(args)
    config = arch_config(args.arch)
    vocabulary = config["text_cfg"].get("vocab_size", VOCABULARY)
    if args.tokenizer is None and vocabulary != VOCABULARY:
        raise ValueError(f"{args.arch} has a vocabulary of {vocabulary}, CLIP's has {VOCABULARY}: give the model's own tokenizer.json with --tokenizer")
    if warning := twin(args.arch):
        print(f"warning: {warning}", file=sys.stderr)
    model = load_clipn(args.checkpoint, args.arch, args.variant)
    variant = "learnable" if model.prompt_no is not None else "hand-crafted"
    templates = prompts(args.templates, args.templates_no, variant)
    by_file = Path(args.arch).is_file()
    provenance = {
        "architecture": Path(args.arch).stem if by_file else args.arch,
        "variant": variant,
        "checkpoint": f"{args.checkpoint.name}, sha256 {sha256(args.checkpoint)}",
        "training_data": args.training_data,
        "commit": _commit(),
        "date": datetime.date.today().isoformat(),
        # a file of the caller's is not there where the bundle goes
        **({"configuration": config} if by_file else {}),
    }
    with tempfile.TemporaryDirectory() as temporary:
        tokenizer = args.tokenizer
        if tokenizer is None:
            tokenizer = Path(temporary) / "tokenizer.json"
            write_clip_tokenizer(tokenizer)
        words = json.loads(args.vocabulary.read_text()) if args.vocabulary else None
        write(
            model,
            tokenizer,
            args.out,
            name=name,
            version=args.version,
            licence=args.licence,
            provenance=provenance,
            templates=templates,
            vocabulary=words,
            evaluation={},
            storage=args.storage,
            patches=args.patches,
        )
    del model
    verify(args.out)


def register(add) -> None:
    c = add("export", export, "a CLIPN checkpoint -> a verified bundle")
    c.add_argument("--checkpoint", type=Path, required=True, help="{epoch, name, state_dict, ...} or a bare state dict, .pt or .safetensors")
    c.add_argument("--arch", required=True, help="ViT-B-32, ViT-B-16, ViT-L-14, any configuration of open_clip, or a JSON file with one")
    c.add_argument("--out", type=Path, required=True, help="directory of the bundle")
    c.add_argument("--variant", choices=("auto", "learnable", "hand-crafted"), default="auto", help="auto: learnable if the checkpoint has prompt_no")
    c.add_argument("--templates", default="default", help="a file with one template per line, used unchanged; or openai, simple, default")
    c.add_argument("--templates-no", help="the same for the no encoder; the hand-crafted variant needs them, in pairs with --templates")
    c.add_argument("--name", help="default: the name of the directory")
    c.add_argument("--version", default="1.0.0")
    c.add_argument("--licence", default="unknown", help="of the weights")
    c.add_argument("--training-data", action="append", default=[], metavar="NAME", help="may be given several times")
    c.add_argument(
        "--storage", choices=("single", "half"), default="single", help="precision of the stored weights; half needs half the space and rounds the weights"
    )
    c.add_argument("--patches", action="store_true", help="features of patches as a second output of the image graph, for the score gl_mcm; ViT only")
    c.add_argument("--tokenizer", type=Path, help="tokenizer.json, for models with another vocabulary than CLIP's")
    c.add_argument("--vocabulary", type=Path, help="JSON list of the words seen in training, for a limited vocabulary")
