"""``optimise``: fused graphs and lower precisions for a bundle, each verified and measured."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def optimise(args: argparse.Namespace) -> None:
    from ..bundle import resolve
    from ..lanes import measure_lanes
    from ..optimise import Settings
    from ..optimise import optimise as work
    from ..remeasure import remeasure
    from ..verify import verify

    path = resolve(args.bundle)
    if args.measure and args.samples is None:
        sys.exit("--measure compares on photographs: give them with --samples")
    given = {k: v for k, v in vars(args).items() if k in ("samples", "text", "threads", "min_gain") and v is not None}
    try:
        if args.measure:
            remeasure(path, args.samples, args.threads or 0)
        if args.measure or args.lanes:
            measure_lanes(path, args.threads or 0)
            return
        work(path, Settings(precisions=tuple(args.precisions.split(",")), **given))
        measure_lanes(path, args.threads or 0)
        verify(path)
    except (ValueError, OSError) as error:
        sys.exit(f"{args.bundle}: {error}")


def register(add) -> None:
    c = add("optimise", optimise, "fused fp32 graphs, fp16 for GPUs, int8 for CPUs; their cost in quality goes into the manifest")
    c.add_argument("--bundle", required=True, help="a directory, or the name of a bundle next to this package")
    c.add_argument("--precisions", default="fp16,int8", help="which to make, separated by commas (default: %(default)s)")
    c.add_argument("--samples", type=Path, help="folder of photographs to calibrate and compare on; sub-folders name the classes")
    c.add_argument("--text", action="store_true", help="lower the text towers too: faster registration, but all verdicts are affected")
    c.add_argument("--measure", action="store_true", help="only measure the precisions of the bundle again, on --samples")
    c.add_argument("--lanes", action="store_true", help="only measure again which lanes and batch are fastest on this machine, which should be idle")
    c.add_argument("--min-gain", type=float, help="offer int8 only if it is this many times as fast as fp32 (default: 1.2)")
    c.add_argument("--threads", type=int, help="threads of one run while measuring (default: all cores)")
