"""``train``: the CLIPN recipe on any open_clip checkpoint and any image-caption pairs."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

ENOUGH, SHARE = 2000, 0.05
"""Pairs from which some are held out unasked, and the share of their captions."""
INTERRUPTED = 130
"""Exit status of a run that was asked to stop: what a shell gives a command ended by Ctrl-C."""


def train(args: argparse.Namespace) -> None:
    from ..distributed import World
    from ..features import Stopped

    try:
        world = World.from_environment(args.device)
    except ValueError as error:
        sys.exit(f"train: {error}")
    try:
        if args.bundle:
            _fine_tune(args)
        else:
            _train(args, world)
    except Stopped:
        if world.first:
            print(f"interrupted; the same command continues from {args.out}", flush=True)
        sys.exit(INTERRUPTED)
    except (ValueError, OSError) as error:
        sys.exit(f"train: {error}")
    finally:
        world.close()


def _fine_tune(args: argparse.Namespace) -> None:
    from ..bundle import resolve
    from ..finetune.run import fine_tune

    if args.checkpoint or args.arch:
        raise ValueError("--bundle is the starting point; --checkpoint and --arch are for open_clip checkpoints")
    path = resolve(args.bundle)
    if not (path / "bundle.json").exists():
        raise ValueError(f"--bundle {args.bundle}: no bundle there")
    try:
        fine_tune(path, [Path(p) for p in args.data], args.out, name=args.name or f"{path.name}-tuned", seed=args.seed, workers=args.workers)
    except KeyboardInterrupt:
        print(f"interrupted; the same command continues from {args.out}", flush=True)
        sys.exit(INTERRUPTED)


def _preset(args: argparse.Namespace):
    from ..recipe import PRESETS

    given = {"epochs": args.epochs, "batch": args.batch, "lr": args.lr, "views": args.views, "weight_decay": args.weight_decay}
    given |= {"membership": args.membership, "clip": args.clip}
    return replace(PRESETS[args.preset], **{k: v for k, v in given.items() if v is not None}, strict=args.strict)


def _train(args: argparse.Namespace, world) -> None:
    from .. import pretrained
    from ..features import FeatureCache, Job
    from ..loader import twin
    from ..pairs import Columns, open_sources
    from ..progress import Log, Stop
    from ..recipe import Recipe

    if not (args.checkpoint and args.arch):
        raise ValueError("give --checkpoint and --arch, or --bundle to fine-tune a bundle")
    preset = _preset(args)
    if warning := twin(args.arch):
        print(f"warning: {warning}", file=sys.stderr)
    args.out.mkdir(parents=True, exist_ok=True)
    log = Log(args.out / "train.jsonl", quiet=not world.first)
    sources = open_sources(args.data, Columns(args.image_column, args.caption_column, args.separator), args.caption_key)
    if args.no_template and args.no_template.count("{}") != 1:
        raise ValueError(f"--no-template {args.no_template!r}: needs exactly one {{}} where the caption goes")
    model, continues = pretrained.load(args.checkpoint, args.arch, hand_crafted=args.no_template is not None)
    tokenise, tokenizer = pretrained.load_tokenizer(model, args.tokenizer)
    model.to(world.device)
    log.say(f"{args.checkpoint}: {args.arch}, {'the training of its no tower continues' if continues else 'the no tower starts as a copy of the yes tower'}")
    with Stop() as stop:
        job = Job(model, tokenise, tokenizer, sources, preset.crop, preset.views, args.no_template)
        features = FeatureCache(args.cache or args.out / "features", job, world)
        _fill(features, args, log, stop)
        _hold_out(features, args, log)
        if len(features) < preset.batch and args.batch is None:
            preset = replace(preset, batch=len(features) // world.size * world.size)
            log.say(f"fewer pairs than a batch of the preset: {preset.batch} per batch")
        half = world.device.type == "cuda" if args.precision == "auto" else args.precision == "bf16"
        recipe = Recipe(model, features, preset, args.seed, world, args.texts_at_once, half)
        _run(recipe, args, log, stop)


def _fill(features, args: argparse.Namespace, log, stop) -> None:
    from ..progress import Pace, duration

    pace, said = Pace(), Pace()

    def progress(done: int, of: int) -> None:
        nonlocal said
        if said.seconds < args.interval and done < of:
            return
        said = Pace()
        rate, left = pace.of(done, of - done)
        row = {"stage": "features", "done": done, "of": of, "images_per_s": round(rate, 1), "eta_s": round(left)}
        log.note(row, f"features: {done}/{of} pairs, {rate:.0f} images/s, {duration(left)} left")

    features.fill(args.workers, progress, stop)
    seen, reasons, names = features.broken()
    log.say(f"{len(features)} pairs of {seen} are usable; features in {features.store.path}")
    if reasons:
        text = f"skipped {reasons.total()} broken pairs: {', '.join(f'{n} {r}' for r, n in reasons.most_common())}; such as {', '.join(names[:3])}"
        log.note({"stage": "features", "broken": reasons, "such_as": names[:10]}, text)


def _hold_out(features, args: argparse.Namespace, log) -> None:
    if args.hold_out is None and len(features) < ENOUGH:
        return
    features.hold_out(SHARE if args.hold_out is None else args.hold_out)
    if len(features.held):
        log.say(f"{len(features.held)} pairs are held out, with all pairs that share their captions; {len(features)} are used in training")


def _figures(recipe, epoch: int, log) -> None:
    from ..figures import in_words

    figures = recipe.figures()
    if figures:
        row = {"stage": "held-out", "step": recipe.step, "epoch": epoch, **{k: round(v, 5) for k, v in figures.items()}}
        log.note(row, f"held out, {'before training' if epoch == 0 else f'epoch {epoch}'}: {in_words(figures)}")


def _run(recipe, args: argparse.Namespace, log, stop) -> None:
    from ..features import Stopped
    from ..progress import Pace, duration

    preset, checkpoint, final = recipe.preset, args.out / "checkpoint.pt", args.out / f"epoch_{recipe.preset.epochs}.pt"
    if recipe.resume(checkpoint):
        log.say(f"continuing from step {recipe.step} of {recipe.steps}")
    log.keep_until(recipe.step)
    if recipe.step == 0:
        _figures(recipe, 0, log)
    pace, start, total = Pace(), recipe.step, {}
    since = recipe.step
    while recipe.step < recipe.steps:
        for k, v in recipe.one_step().items():
            total[k] = total.get(k, 0.0) + v
        step, last = recipe.step, recipe.step == recipe.steps
        if step % args.log_every == 0 or last:
            means = {k: v / (step - since) for k, v in total.items()}
            rate, left = pace.of((step - start) * preset.batch, (recipe.steps - step) * preset.batch)
            epoch = (step - 1) // recipe.epoch_steps + 1
            losses = {k: round(v, 5) for k, v in means.items() if k != "lr"}
            row = {"stage": "train", "step": step, "of": recipe.steps, "epoch": epoch, **losses, "lr": means["lr"]}
            text = f"step {step}/{recipe.steps}, epoch {epoch}/{preset.epochs}: loss {means['total']:.4f} (yes {means['yes']:.4f}, no {means['no']:.4f}, "
            log.note(
                {**row, "images_per_s": round(rate, 1), "eta_s": round(left)}, f"{text}tso {means['tso']:.4f}), {rate:.0f} images/s, {duration(left)} left"
            )
            total, since = {}, step
        if step % recipe.epoch_steps == 0:
            _end_of_epoch(recipe, step // recipe.epoch_steps, args, log)
        asked = recipe.world.any(stop())
        if step % args.checkpoint_every == 0 or last or asked:
            recipe.save(checkpoint)
        if asked and not last:
            log.say(f"checkpoint of step {step} of {recipe.steps} written")
            raise Stopped
    if not final.exists():
        recipe.write_official(final, args.out.resolve().name, preset.epochs)
    log.say(f"done: {final}")


def _end_of_epoch(recipe, epoch: int, args: argparse.Namespace, log) -> None:
    """Figures and a checkpoint of the epoch; the last ``--keep-epochs`` checkpoints are kept."""
    _figures(recipe, epoch, log)
    if epoch == recipe.preset.epochs or not args.keep_epochs:
        return
    folder = args.out / "epochs"
    if recipe.world.first:
        folder.mkdir(exist_ok=True)
    recipe.write_official(folder / f"epoch_{epoch}.pt", args.out.resolve().name, epoch)
    if recipe.world.first:
        (folder / f"epoch_{epoch - args.keep_epochs}.pt").unlink(missing_ok=True)


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _seed(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text}: a seed is 0 or more")
    return value


def register(add) -> None:
    c = add("train", train, "the CLIPN recipe: teaches a CLIP checkpoint to say no, from image-caption pairs")
    c.add_argument("--bundle", help="fine-tune a bundle such as the default instead: --data names folders with one sub-folder for each class")
    c.add_argument("--name", help="name of the fine-tuned bundle")
    c.add_argument("--checkpoint", type=Path, help="an open_clip checkpoint: a CLIP, or a CLIPN whose training continues")
    c.add_argument("--arch", help="an open_clip architecture such as ViT-B-16, one of archs/, or a JSON file")
    c.add_argument(
        "--data",
        nargs="+",
        action="extend",
        required=True,
        metavar="FILE",
        help="tables (.csv, .tsv), WebDataset shards such as 'x/{000..010}.tar', and folders with one sub-folder of photographs for each class",
    )
    c.add_argument("--out", type=Path, required=True, help="run directory; an interrupted run continues from it")
    c.add_argument("--preset", choices=["clipn", "quick"], default="clipn", help="clipn: the published schedule; quick: for thousands of pairs, not millions")
    c.add_argument("--epochs", type=_count)
    c.add_argument("--batch", type=_count, help="pairs per step, over all processes")
    c.add_argument("--lr", type=float)
    c.add_argument("--weight-decay", type=float)
    c.add_argument("--views", type=_count, help="random crops per photograph whose features are kept")
    c.add_argument("--membership", type=float, help="weight of the loss of imagined tenants; the preset quick has it, the paper does not")
    c.add_argument("--clip", type=float, help="largest norm of a step's gradient; 0: no limit")
    c.add_argument(
        "--hold-out", type=float, metavar="SHARE", help=f"of the captions, for figures during training (default: {SHARE} of {ENOUGH} pairs and more)"
    )
    c.add_argument("--keep-epochs", type=int, default=3, metavar="N", help="checkpoints of earlier epochs that are kept in OUT/epochs; 0: none")
    c.add_argument("--no-template", metavar="TEXT", help="hand-crafted variant, without a learned prompt: captions for the no tower, 'a photo without {}'")
    c.add_argument("--strict", action="store_true", help="the paper's form: equal captions (and photographs) in a batch are negatives of each other")
    c.add_argument("--seed", type=_seed, default=0)
    c.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    c.add_argument("--precision", choices=["auto", "fp32", "bf16"], default="auto", help="of the no tower; auto: bf16 on a GPU")
    c.add_argument("--workers", type=_count, default=os.cpu_count() or 1, help="threads that decode images")
    c.add_argument("--texts-at-once", type=_count, default=512, help="texts in the no tower at once, per process; limits memory and not the batch")
    c.add_argument("--cache", type=Path, help="folder of features (default: OUT/features); runs may share it")
    c.add_argument("--tokenizer", type=Path, help="tokenizer.json in Hugging Face's format (default: CLIP's)")
    c.add_argument("--separator", help="separator of tables (default: a tab if the header has one, otherwise a comma)")
    c.add_argument("--image-column", default="filepath", help="column of tables")
    c.add_argument("--caption-column", default="title", help="column of tables")
    c.add_argument("--caption-key", default="caption", help="key in .json files of shards")
    c.add_argument("--log-every", type=_count, default=10, metavar="STEPS")
    c.add_argument("--checkpoint-every", type=_count, default=200, metavar="STEPS")
    c.add_argument("--interval", type=float, default=10.0, metavar="SECONDS", help="time between log lines while features are computed")
