"""``bench``: speed of an architecture in its forms; with --write-bundle, a bundle of random weights to measure the service with."""

from __future__ import annotations

import argparse
import datetime
import json
from pathlib import Path


def bench(args: argparse.Namespace) -> None:
    if args.write_bundle:
        return _bundle(args)
    from ..bench import bench as measure

    rows = measure(args.arch, args.batch, args.threads, args.rounds, args.samples, args.device, args.seed, args.cpu_time)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2) + "\n")


def _bundle(args: argparse.Namespace) -> None:
    """A bundle of random weights. Without a tokenizer, one is trained on ImageNet's prompts, so that texts have about CLIP's lengths."""
    import open_clip

    from .. import tokenizer
    from ..bench import random_model
    from ..bundle import write

    model = random_model(args.arch, args.seed)
    templates = [template("{}") for template in open_clip.OPENAI_IMAGENET_TEMPLATES]
    args.write_bundle.mkdir(parents=True, exist_ok=True)
    path = args.tokenizer or args.write_bundle / "trained-tokenizer.json"
    if not args.tokenizer:
        texts = [line.replace("{}", name) for name in open_clip.IMAGENET_CLASSNAMES for line in templates[:3]] + templates
        tokenizer.train(texts, model.token_embedding.num_embeddings).save(str(path))
    write(
        model,
        path,
        args.write_bundle,
        name=f"random-{Path(args.arch).stem.lower()}",
        version="0.0.0",
        licence="none: random weights",
        provenance={
            "architecture": args.arch,
            "variant": "learnable",
            "checkpoint": f"random weights, seed {args.seed}",
            "training_data": [],
            "commit": None,
            "date": datetime.date.today().isoformat(),
        },
        templates={"yes": templates, "no": None},
        vocabulary=None,
        evaluation={},
    )
    if not args.tokenizer:
        path.unlink()
    print(f"{args.write_bundle}: {args.arch}, random weights, {len(templates)} templates")


def register(add) -> None:
    c = add("bench", bench, "image encoder of an architecture: plain, fused and lower precision, images/s side by side (random weights)")
    c.add_argument("--arch", default="ViT-B-16", help="as for the other commands (default: %(default)s)")
    c.add_argument("--batch", type=int, default=8)
    c.add_argument("--threads", type=int, default=0, help="threads of one run (default: all cores)")
    c.add_argument("--rounds", type=int, default=10)
    c.add_argument("--samples", type=Path, help="photographs to run on (default: synthetic pictures)")
    c.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto is cuda if ONNX Runtime supports it")
    c.add_argument("--seed", type=int, default=0)
    c.add_argument("--cpu-time", action="store_true", help="images per second of processor time: comparable on a busy machine too")
    c.add_argument("--json", type=Path, help="also write the figures to this file")
    c.add_argument("--write-bundle", type=Path, metavar="DIR", help="measure nothing, write a bundle of random weights instead")
    c.add_argument("--tokenizer", type=Path, help="tokenizer.json for --write-bundle")
