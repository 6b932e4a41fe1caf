"""Comparable times: all variants are measured in one run, in turn, so that other load affects all of them equally."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import onnxruntime


def tasks(sessions: dict[str, onnxruntime.InferenceSession], rows: np.ndarray) -> dict[str, Callable[[], object]]:
    """One run of each session on the same pixels or tokens."""
    return {name: partial(s.run, None, {s.get_inputs()[0].name: rows}) for name, s in sessions.items()}


def interleaved(tasks: dict[str, Callable[[], object]], rounds: int, clock: Callable[[], float] = time.perf_counter) -> dict[str, list[float]]:
    """Seconds of each task in each of ``rounds``, after one round to warm up; the order turns with every round.

    ``clock``: ``time.process_time`` counts processor time of all threads, which other programs on the machine hardly affect.
    """
    names = list(tasks)
    for name in names:
        tasks[name]()
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for i in range(rounds):
        for name in names[i % len(names) :] + names[: i % len(names)]:
            began = clock()
            tasks[name]()
            seconds[name].append(clock() - began)
    return seconds


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def gain(seconds: dict[str, list[float]], name: str, over: str) -> float:
    """How many times faster ``name`` is than ``over``: the median over rounds of the ratio within a round."""
    return median([b / a for a, b in zip(seconds[name], seconds[over], strict=True)])
