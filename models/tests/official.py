"""Checkpoints in the official format with seeded random weights, and PyTorch's own outputs from them, which an export must equal.

    python -m tests.official make --arch ViT-B-16 [--variant hand-crafted] --out epoch_10.pt
    python -m tests.official answers --checkpoint epoch_10.pt --arch ViT-B-16 --classes classes.txt --templates FILE PHOTOGRAPH...
    python -m tests.official all --variant hand-crafted --bundle DIR OPTIONS AND PHOTOGRAPHS OF answers
    python -m tests.official batch < COMMANDS

``answers`` goes none of the bundle's ways: the model as it was loaded, open_clip's tokenizer at full length, the reference's
transform. It prints one JSON object per photograph, as ``clipn_models.reference`` does. ``all`` makes a checkpoint, exports it with the
command ``export`` and answers. ``batch`` reads commands, ``{"args": [WORD...], "out": FILE}`` in each line, and writes what they print to
files, in one process, because each start of Python takes 4 s of processor time.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from open_clip.tokenizer import SimpleTokenizer
from torch import Tensor

from clipn_models.__main__ import parser
from clipn_models.graphs import MEAN, STD
from clipn_models.loader import load_clipn
from clipn_models.model import CLIPN, LOGIT_SCALE, arch_config, build
from clipn_models.templates import read_templates
from clipn_models.transform import reference
from clipn_models.verdicts import verdict
from tests import quick_exports  # noqa: F401

GAIN = 3.0


def images(size: int, count: int = 16) -> Tensor:
    """Made pictures of different colours and coarseness, normalised: float32 [N, 3, S, S]."""
    g = torch.Generator().manual_seed(5)
    made = [F.interpolate(torch.rand(1, 3, 2 + i % 7, 2 + i % 5, generator=g), (size, size), mode="bilinear") for i in range(count)]
    return (torch.cat(made) - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


TEXTS = [f"{t} {n}" for t in ("a photo of a", "this is one", "the old") for n in ("dog", "school bus", "umbrella", "grand piano", "sea", "violin", "stop sign")]


def without_mean(features: Tensor) -> Tensor:
    """The projection that removes the mean direction of features [N, W]: [W, W]."""
    mean = F.normalize(features.mean(0), dim=0)
    return torch.eye(len(mean)) - mean[:, None] * mean


@torch.no_grad()
def make(arch: str, learnable: bool, seed: int) -> CLIPN:
    """A CLIPN whose random weights distinguish images and texts, so that probabilities spread and a wrong weight changes them.

    Fresh weights give nearly the same feature whatever the input. Larger ones don't, and what all inputs share is projected out.
    """
    torch.manual_seed(seed)
    model = build(arch_config(arch), learnable_prompt=learnable).eval()
    for name, p in model.named_parameters():
        if "resblocks" in name and p.ndim == 2:
            p.mul_(GAIN)
        elif p.ndim < 2 and name != "logit_scale":  # gains and biases too, or no test detects an export that drops them
            p.add_(torch.randn_like(p) * 0.05)
    for norm in (m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)):
        norm.running_mean.normal_(0, 0.3)
        norm.running_var.uniform_(0.5, 2)
    for p in model.no_parameters().values():
        p.add_(torch.randn_like(p) * p.std().clamp(min=0.01) * 0.5)
    tokens = SimpleTokenizer(context_length=model.context_length)(TEXTS)
    for suffix, tower in (("", "yes"), ("_no", "no")):
        projection = getattr(model, "text_projection" + suffix)
        kept = projection.clone()
        projection.copy_(torch.eye(*projection.shape))
        if projection.shape[0] == projection.shape[1]:
            kept = without_mean(model.text_features(tokens, tower)) @ kept
        projection.copy_(kept)
    projection = getattr(model.visual, "proj", None)
    if isinstance(projection, torch.nn.Parameter):
        kept = projection.clone()
        model.visual.proj = None
        pooled = model.visual(images(model.image_size))
        model.visual.proj = torch.nn.Parameter(without_mean(pooled) @ kept)
    return model


def save(model: CLIPN, path: Path) -> None:
    """As the official training code saves: DataParallel's prefix, optimizer and scaler beside the weights."""
    p = torch.nn.Parameter(torch.zeros(3))
    optimizer = torch.optim.AdamW([p])
    p.grad = torch.ones(3)
    optimizer.step()
    state = {f"module.{name}": value for name, value in model.state_dict().items()}
    torch.save({"epoch": 10, "name": "random", "state_dict": state, "optimizer": optimizer.state_dict(), "scaler": {"scale": 65536.0}}, path)


@torch.no_grad()
def answers(model: CLIPN, classes: list[str], templates: list[str], templates_no: list[str], files: list[str]) -> list[dict]:
    """PyTorch's verdicts, computed directly from the formulas."""
    tokenizer = SimpleTokenizer(context_length=model.context_length)

    def features(tower: str, prompts: list[str]) -> np.ndarray:
        total = sum(F.normalize(model.text_features(tokenizer([t.replace("{}", c) for c in classes]), tower), dim=-1).double() for t in prompts)
        return F.normalize(total, dim=-1).numpy()

    yes, no = features("yes", templates), features("no", templates_no)
    found = []
    for file in files:
        pixels = torch.from_numpy(reference(file, model.image_size).copy()).permute(2, 0, 1) / 255
        x = (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
        feature = F.normalize(model.encode_image(x[None]), dim=-1)[0].double().numpy()
        found.append({"file": file, **verdict(yes @ feature, no @ feature, LOGIT_SCALE)})
    return found


def export(args: argparse.Namespace) -> None:
    """Makes ``args.checkpoint`` and exports it as a user does."""
    save(make(args.arch, args.variant == "learnable", args.seed), args.checkpoint)
    words = ["export", "--checkpoint", str(args.checkpoint), "--arch", args.arch, "--templates", args.templates, "--out", str(args.bundle)]
    command = parser().parse_args(words + (["--templates-no", args.templates_no] if args.templates_no else []))
    with contextlib.redirect_stdout(sys.stderr):
        command.run(command)


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    root = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = root.add_subparsers(dest="command", required=True)
    for name in ("make", "answers", "all"):
        c = commands.add_parser(name)
        c.add_argument("--arch", required=True)
        if name != "answers":
            c.add_argument("--variant", choices=("learnable", "hand-crafted"), default="learnable")
            c.add_argument("--seed", type=int, default=0)
        if name == "make":
            c.add_argument("--out", type=Path, required=True)
            continue
        c.add_argument("--checkpoint", type=Path, required=True)
        c.add_argument("--classes", type=Path, required=True)
        c.add_argument("--templates", required=True)
        c.add_argument("--templates-no")
        if name == "all":
            c.add_argument("--bundle", type=Path, required=True)
        c.add_argument("files", nargs="+")
    commands.add_parser("batch")
    return root.parse_args(words)


def run(args: argparse.Namespace) -> None:
    if args.command == "batch":
        for line in sys.stdin:
            command = json.loads(line)
            with open(command["out"], "w") as out, contextlib.redirect_stdout(out):
                run(arguments(command["args"]))
        return
    if args.command == "make":
        save(make(args.arch, args.variant == "learnable", args.seed), args.out)
        return
    if args.command == "all":
        export(args)
    templates = read_templates(args.templates)
    templates_no = read_templates(args.templates_no) if args.templates_no else templates
    for answer in answers(load_clipn(args.checkpoint, args.arch), args.classes.read_text().splitlines(), templates, templates_no, args.files):
        print(json.dumps(answer))


if __name__ == "__main__":
    run(arguments())
