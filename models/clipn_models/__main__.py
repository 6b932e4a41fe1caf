"""``python -m clipn_models COMMAND``: make, verify and measure bundles. Every command describes its options with --help."""

from __future__ import annotations

import argparse

from .commands import bench, default, export, optimise, train, verify, words


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="clipn_models", description=__doc__)
    commands = root.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run, about: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=about, description=about)
        sub.set_defaults(run=run)
        return sub

    for command in (default, export, train, optimise, bench, verify, words):
        command.register(add)
    return root


def main() -> None:
    args = parser().parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
