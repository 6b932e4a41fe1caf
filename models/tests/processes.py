"""Commands in separate processes, to be killed, interrupted and run side by side.

They are forked from a server that has imported the libraries and done nothing else: starting one takes a moment instead of the
seconds that importing PyTorch does, and no test inherits what another has left behind.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

PATIENCE = 300
"""Seconds; long, so that a busy machine causes no failure."""

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["torch", "torch._dynamo", "open_clip", "clipn_models.recipe", "clipn_models.commands.train"])


def _run(arguments: list[str], environment: dict[str, str], said: str) -> None:
    with open(said, "w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    os.environ.update(environment)
    import torch

    from clipn_models.__main__ import parser

    torch.set_num_threads(1)
    args = parser().parse_args(arguments)
    args.run(args)


def start(arguments: list[str], said: Path, **environment: str) -> BaseProcess:
    """``python -m clipn_models`` with these arguments; what it prints goes to the file ``said``."""
    os.environ["PYTHONPATH"] = str(Path(__file__).parent.parent)  # the server finds the package by it
    process = _context.Process(target=_run, args=(arguments, environment, str(said)), daemon=True)
    process.start()
    return process


def wait_until(condition: Callable[[], bool], process: BaseProcess, said: Path) -> None:
    """Fails where the process ends before."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert process.is_alive(), said.read_text()
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.001)


def kill(process: BaseProcess) -> None:
    process.kill()
    process.join()
