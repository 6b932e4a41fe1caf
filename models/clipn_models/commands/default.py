"""The embedded default from photographs to a verified, measured bundle: step by step, or all in a row."""

from __future__ import annotations

import argparse
import datetime
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
NAMED = ["tiny-train", "cifar-train", "caltech-train"]


def _tiny(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tiny-imagenet", type=Path, required=True, help="tiny-imagenet-200/ as distributed, with wnids.txt and words.txt")


def _sources(parser: argparse.ArgumentParser) -> None:
    _tiny(parser)
    parser.add_argument("--cifar100", type=Path, required=True, help="CIFAR-100 as train/<class>/*.png and test/<class>/*.png")
    parser.add_argument("--caltech101", type=Path, required=True, help="101_ObjectCategories/ with train.txt and test.txt beside it")
    parser.add_argument("--flickr8k", type=Path, required=True, help="Flickr8k photographs with Flickr8k_text/ among them")


def _work(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--work", type=Path, required=True, help="directory for packs, checkpoints and features; an interrupted run goes on from it")


def _seed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0)


def _preset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--preset", choices=["cpu", "gpu"], default="cpu", help="gpu: a larger image tower and more steps, for an accelerator")


def _named(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", default="clipn-tiny")
    parser.add_argument("--version", default="1.0.0")


def _far(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--far", type=Path, nargs="*", default=[], help="folders of photographs unlike anything in training, such as textures")


def prepare(args: argparse.Namespace) -> None:
    from .. import packs

    sources = {"tiny-imagenet": args.tiny_imagenet, "cifar100": args.cifar100, "caltech101": args.caltech101, "flickr8k": args.flickr8k}
    packs.prepare(sources, args.work / "packs")
    if args.teacher:
        label = _labeller(args.work / "packs", args.teacher)
        for split, views in (("tiny-train", 4), ("caltech-train", 4), ("flickr-train", 4), ("cifar-train", 2)):
            label(split, views)


def _labeller(packs: Path, model: Path):
    """What writes a teacher's soft labels for (split, views): on a GPU in floats, else by the 8-bit interpreter on all cores."""
    import torch

    if not torch.cuda.is_available():
        from .. import teacher

        return lambda split, views: teacher.label(packs, split, model, views, seed=0)
    from .. import teacher_torch

    program = teacher_torch.read(model)
    return lambda split, views: teacher_torch.label(packs, split, program, views, seed=0, device=torch.device("cuda"))


def train_clip(args: argparse.Namespace) -> None:
    from ..train_clip import PRESETS, Trainer

    trainer = Trainer(args.work / "packs", args.tiny_imagenet / "words.txt", args.work / "clip", PRESETS[args.preset], args.seed)
    trainer.resume()
    trainer.run()


def _trained(args: argparse.Namespace):
    """The model of stage one, its tokenizer and the name of its architecture."""
    import torch

    from .. import tokenizer
    from ..model import arch_config, build

    saved = torch.load(args.work / "clip" / "clip.pt", map_location="cpu", weights_only=False)
    arch = saved["preset"]["arch"]
    model = build(arch_config(arch))
    model.load_state_dict(saved["state_dict"])
    return model.eval(), tokenizer.load(args.work / "clip" / "tokenizer.json"), arch


def train_no(args: argparse.Namespace) -> None:
    import torch

    from ..train_clip import load_classes
    from ..train_no import PRESETS, NoTrainer

    model, tok, _ = _trained(args)
    if torch.cuda.is_available():
        model = model.cuda()
    classes, offsets = load_classes(args.work / "packs", NAMED, args.tiny_imagenet / "words.txt")
    NoTrainer(model, tok, classes, offsets, args.work / "packs", args.work / "no", PRESETS[args.preset], args.seed).run()


def _commit() -> str | None:
    try:
        return subprocess.run(["git", "rev-parse", "HEAD"], cwd=HERE, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def export_default(args: argparse.Namespace) -> None:
    import json

    import torch

    from ..bundle import write
    from ..captions import DEFAULT_TEMPLATES

    model, _, arch = _trained(args)
    model.load_state_dict(torch.load(args.work / "no" / "clipn.pt", map_location="cpu", weights_only=True)["state_dict"])
    write(
        model,
        args.work / "clip" / "tokenizer.json",
        args.out,
        name=args.name,
        version=args.version,
        licence="Apache-2.0",
        provenance={
            "architecture": arch,
            "variant": "learnable",
            "checkpoint": f"trained from scratch, seed {args.seed}",
            "training_data": ["Tiny-ImageNet (train)", "CIFAR-100 (train)", "Caltech-101 (train list)", "Flickr8k (train list, captions)"],
            "commit": _commit(),
            "date": datetime.date.today().isoformat(),
        },
        templates={"yes": DEFAULT_TEMPLATES, "no": None},
        vocabulary=json.loads((args.work / "clip" / "vocabulary.json").read_text()),
        evaluation={},
        mirrored=True,
    )


def evaluate(args: argparse.Namespace) -> None:
    from ..bundle import load_manifest, resolve, save_manifest
    from ..evaluate import evaluate as measure
    from ..evaluate import report

    path = resolve(args.bundle)
    result = measure(path, args.work / "packs", args.tiny_imagenet / "words.txt", tuple(args.far), log=lambda *_: None)
    print(report(result))
    if args.write:
        manifest = load_manifest(path)
        manifest["evaluation"] = {**result, "command": "python -m clipn_models evaluate (see models/README.md)"}
        save_manifest(path, manifest)


def make_default(args: argparse.Namespace) -> None:
    from .verify import verify

    args.bundle, args.write = str(args.out), True
    for step in (prepare, train_clip, train_no, export_default, verify, evaluate):
        print(f"== {step.__name__.replace('_', '-')}", flush=True)
        step(args)


def register(add) -> None:
    c = add("prepare", prepare, "decode the training photographs once; with --teacher, label them softly")
    _sources(c), _work(c)
    c.add_argument("--teacher", type=Path, help="a quantised ImageNet MobileNetV2 .tflite; needs the extra `teacher`")
    c = add("train-clip", train_clip, "stage one of the default: a small CLIP from scratch")
    _tiny(c), _work(c), _seed(c), _preset(c)
    c = add("train-no", train_no, "stage two of the default, CLIPN: the no tower")
    _tiny(c), _work(c), _seed(c), _preset(c)
    c = add("export-default", export_default, "checkpoints of both stages -> bundle")
    _work(c), _seed(c), _named(c)
    c = add("evaluate", evaluate, "accuracy and out-of-distribution detection of a bundle on the default's test splits")
    c.add_argument("bundle")
    _tiny(c), _work(c)
    _far(c)
    c.add_argument("--write", action="store_true", help="write the figures into the manifest")
    c = add("make-default", make_default, "everything above in a row: photographs -> verified, measured bundle")
    _sources(c), _work(c), _seed(c), _named(c), _far(c), _preset(c)
    c.add_argument("--teacher", type=Path, required=True)
