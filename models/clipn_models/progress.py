"""Progress output of long runs, and their interruption by signals."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from .tensorboard import Board


def duration(seconds: float) -> str:
    """A readable duration: "42 s", "7 min", "3 h 05 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


class Log:
    """One JSON line per interval in a file and a readable one on stdout; figures of a step also go to TensorBoard. ``quiet`` processes write nothing."""

    def __init__(self, path: Path, quiet: bool = False):
        self.path, self.quiet = path, quiet
        self.board = Board(path.parent / "tensorboard")

    def keep_until(self, step: int) -> None:
        """Removes the lines that an interrupted run wrote after the checkpoint: these steps run again."""
        if self.quiet or not self.path.exists():
            return
        kept = []
        for line in self.path.read_text(errors="replace").splitlines():
            try:
                if json.loads(line).get("step", 0) <= step:
                    kept.append(line)
            except ValueError:
                continue  # incomplete because of the interruption
        temporary = self.path.with_name(self.path.name + ".tmp")
        temporary.write_text("".join(line + "\n" for line in kept))
        temporary.replace(self.path)

    def say(self, text: str) -> None:
        if not self.quiet:
            print(text, flush=True)

    def note(self, row: dict, text: str) -> None:
        self.say(text)
        if not self.quiet:
            with self.path.open("a") as file:
                file.write(json.dumps(row) + "\n")
            scalars = {f"{row['stage']}/{k}": v for k, v in row.items() if isinstance(v, float)}
            if "step" in row and scalars:
                self.board.add(row["step"], scalars)


class Pace:
    """Items per second and time left, measured since construction."""

    def __init__(self) -> None:
        self.since = time.monotonic()

    @property
    def seconds(self) -> float:
        return max(time.monotonic() - self.since, 1e-6)

    def of(self, done: int, left: int) -> tuple[float, float]:
        """(items per second, seconds left)"""
        rate = done / self.seconds
        return rate, left / max(rate, 1e-9)


class Stop:
    """Inside the context SIGINT and SIGTERM only set ``asked``; a second signal ends the process as by default."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self) -> bool:
        return self.asked

    def __enter__(self) -> Stop:
        self._before = {s: signal.signal(s, self._ask) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, _frame: object) -> None:
        if self.asked:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.asked = True
        print("\nstopping after this step; press again to stop at once", file=sys.stderr, flush=True)
