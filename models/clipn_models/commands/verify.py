"""``verify``: verifies a bundle on this machine."""

from __future__ import annotations

import argparse
import sys


def verify(args: argparse.Namespace) -> None:
    from ..bundle import resolve
    from ..verify import Faults
    from ..verify import verify as check

    try:
        check(resolve(args.bundle))
    except (Faults, ValueError, OSError) as error:
        sys.exit(f"{args.bundle}: {error}")


def register(add) -> None:
    c = add("verify", verify, "checksums, graph contracts, golden file, comparison with PyTorch")
    c.add_argument("bundle", help="a directory, or the name of a bundle next to this package")
