"""The effect of the loss of imagined tenants (``train --membership``) on a CLIP, shown with ``clipn-tiny``, the CLIP of this repository's tests.

``python -m clipn_models.finetune.membership --photographs PHOTOGRAPHS --work WORK --out OUT``, folders as for ``make-default``. The yes towers of the
bundle are saved as a checkpoint of open_clip. ``train --preset quick`` teaches it to say no, from the 30,000 pairs of Flickr8k's train list, once for
each weight of the loss and each seed. The figures are of photographs that neither the CLIP nor this training has seen.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..bundle import TorchBundle, load_manifest
from ..default import cache, plan, sources
from ..default.apart import same_thing
from ..default.make import Work
from ..default.measure import Held, Measure
from ..default.sources import PhotoSet
from ..files import save_atomically
from ..model import arch_config, build
from ..pretrained import is_no

BUNDLE = Path(__file__).parents[3] / "test" / "fixtures" / "clipn-tiny"
TRAINED_ON = ("tiny-train", "cifar-train", "caltech-train")
"""Sets whose class names the CLIP was trained with."""

KNOWN_SIZES = (10, 100)
"""Classes of a tenant of Tiny-ImageNet's 200."""


def clip_of(bundle: Path) -> dict[str, Tensor]:
    """The state dict of the CLIP whose image tower and yes tower a bundle has; the mirror image of a bundle is not part of a CLIP."""
    parts = TorchBundle(bundle).parts
    model = build(arch_config(load_manifest(bundle)["provenance"]["architecture"])).eval().requires_grad_(False)
    folded, text = parts["image"].visual, parts["text-yes"]
    model.visual.load_state_dict(folded.state_dict(), strict=False)
    unfold_batch_norm(model.visual, folded)
    model.token_embedding.load_state_dict(text.embedding.state_dict())
    model.positional_embedding.copy_(text.positions)
    model.transformer.load_state_dict(text.transformer.state_dict())
    model.ln_final.load_state_dict(text.norm.state_dict())
    model.text_projection.copy_(text.projection)
    return {name: value for name, value in model.state_dict().items() if not is_no(name)}


def unfold_batch_norm(module: nn.Module, folded: nn.Module) -> None:
    """Undoes ``graphs.fold_batch_norm``: each norm after a convolution only adds the bias of the folded convolution."""
    for name, child in module.named_children():
        unfold_batch_norm(child, folded.get_submodule(name))
    if isinstance(module, nn.Sequential):
        for (name, conv), (_, norm) in itertools.pairwise(module.named_children()):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                norm.weight.fill_(1)
                norm.bias.copy_(folded.get_submodule(name).bias)
                norm.running_mean.zero_()
                norm.running_var.fill_(1 - norm.eps)


def write_pairs(photos: PhotoSet, path: Path) -> int:
    """A table for ``train --data`` with one line for each photograph and caption; returns their number."""
    rows = [(photo.resolve(), caption) for photo, captions in zip(photos.paths, photos.captions, strict=True) for caption in captions]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("filepath", "title"), *rows])
    return len(rows)


def trained(args: argparse.Namespace, weight: float, seed: int) -> Path:
    """The bundle of a run with one weight of the loss and one seed."""
    run = args.out / f"membership-{weight:g}-seed-{seed}"
    final, bundle, tokenizer = run / f"epoch_{args.epochs}.pt", run / "bundle", args.bundle / "tokenizer.json"
    common = ("--arch", load_manifest(args.bundle)["provenance"]["architecture"], "--tokenizer", tokenizer)
    if not final.exists():
        options = ("--preset", "quick", "--epochs", args.epochs, "--membership", weight, "--seed", seed, "--hold-out", 0)
        places = ("--checkpoint", args.out / "clip.pt", "--data", args.out / "pairs.csv", "--out", run, "--cache", args.out / "features")
        command("train", *places, *common, *options, "--workers", args.workers, "--log-every", 50, "--checkpoint-every", 50)
    if not (bundle / "bundle.json").exists():
        command("export", "--checkpoint", final, *common, "--out", bundle, "--name", f"tiny-{run.name}")
    return bundle


def command(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "clipn_models", *map(str, words)], check=True)


def new_classes(measure: Measure) -> Held:
    """The draw ``choice`` without Caltech-101 and without classes that the CLIP was trained on under the same name."""
    held = measure.held("choice")
    known = {name for s in TRAINED_ON for category in measure.sets[s].categories for name in category.names}
    new = [o != "caltech-train" and not any(same_thing(n, k) for k in known) for n, o in zip(held.names, held.origin, strict=True)]
    return held.only(np.flatnonzero(new))


def known_classes(measure: Measure) -> Held:
    """Tiny-ImageNet's validation photographs, ten of each class: the CLIP was trained on other photographs of these classes."""
    part = next(p for p in plan.seen(measure.sets, measure.size, measure.folder) if p.name == "tiny-val")
    names = [c.names[0] for c in measure.sets[part.name].categories]
    image = measure.features("tiny-val.seen", (p for task in part.tasks for p in cache.pixels(task)))
    yes, no = (measure.bundle.classes(names, tower) for tower in ("yes", "no"))
    return Held(image, part.labels, names, np.array(["tiny-val"] * len(names)), yes, no)


SCORES = ("ctw", "atd", "mcm")
HEAD = "| | top-1 | AUROC CTW / ATD / MCM | caught by CTW / ATD / MCM where 95 % are kept | CTW kept / caught | ATD kept / caught |"


def row(name: str, result: dict) -> str:
    """A line of the table, from what ``Measure.tenants`` gives."""
    scores, rules = result["scores"], result["decisions"]
    auroc = " / ".join(f"{100 * scores[s]['auroc']:.1f}" for s in SCORES)
    caught = " / ".join(f"{100 * (1 - scores[s]['fpr95_ood_accepted']):.1f}" for s in SCORES)
    decisions = " | ".join(f"{100 * rules[r]['id_accepted']:.1f} / {100 * rules[r]['ood_rejected']:.1f}" for r in ("ctw", "atd"))
    return f"| {name} | {100 * result['top1']:.1f} | {auroc} | {caught} | {decisions} |"


def table(bundles: dict[str, Path], work: Work, log=print) -> str:
    """Means over 20 seeded tenants for each bundle, in three settings."""
    sets, apart = work.sets()
    rows: dict[str, list[str]] = {}
    for name, path in bundles.items():
        measure = Measure(path, sets, apart, work.folder, log=log)
        new, known = new_classes(measure), known_classes(measure)
        settings = [(new, f"{len(new.names)} new classes, {len(new.label)} photographs", 10)]
        settings += [(known, f"Tiny-ImageNet, {len(known.label)} validation photographs", size) for size in KNOWN_SIZES]
        for held, what, size in settings:
            rows.setdefault(f"{what}: tenants of {size}", []).append(row(name, measure.tenants(held, size)))
    return "\n\n".join("\n".join((f"{what}:", "", HEAD, "|---|---|---|---|---|---|", *lines)) for what, lines in rows.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help="whose image tower and yes tower are the CLIP")
    parser.add_argument("--weights", type=float, nargs="+", default=[0.0, 1.0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    save_atomically({"state_dict": clip_of(args.bundle)}, args.out / "clip.pt")
    photos = sources.flickr(args.photographs / "flickr" / "data" / "images", args.photographs / "flickrtext" / "Flickr8k_text")
    print(f"{len(photos.paths)} photographs, {write_pairs(photos, args.out / 'pairs.csv')} pairs", flush=True)
    torch.set_num_threads(args.workers)
    runs = {f"weight {w:g}, seed {s}": trained(args, w, s) for s in args.seeds for w in args.weights}
    print(table(runs, Work(args.photographs, args.work)), flush=True)


if __name__ == "__main__":
    main()
