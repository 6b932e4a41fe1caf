"""The command line of the package."""

from __future__ import annotations

import argparse

import pytest

from clipn_models.__main__ import parser


@pytest.mark.parametrize(
    "command", ["prepare", "train-default", "export-default", "quantise-default", "evaluate", "ablate-default", "image-directions", "negatives", "make-default"]
)
def test_commands_of_the_default_take_photographs_and_a_work_folder(command: str) -> None:
    args: argparse.Namespace = parser().parse_args([command, "--photographs", "p", "--work", "w"])
    assert (str(args.photographs), str(args.work), args.wheels, args.workers) == ("p", "w", None, 2)
    with pytest.raises(SystemExit):
        parser().parse_args([command, "--work", "w"])
