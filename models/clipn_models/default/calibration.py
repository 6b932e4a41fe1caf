"""int8 for the default: fixed scales from photographs of classes that no published figure uses."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..optimise import Settings, optimise
from . import plan
from .make import Work

EACH = 6
"""photographs of each class set apart for choices: half of them calibrate, the other half are compared"""


def calibrate(work: Work, bundle: Path) -> dict:
    """Adds int8 to ``bundle`` and returns its manifest. Half of the photographs set the scales, the others measure the cost."""
    sets, apart = work.sets()
    folder = work.folder / "calibration"
    shutil.rmtree(folder, ignore_errors=True)
    for part in plan.held_out(sets, apart, "choice", 224, work.folder, each=EACH):
        photos = sets[part.name]
        for row, label in zip(part.rows, part.labels, strict=True):
            place = folder / photos.categories[label].names[0].replace("/", " ")
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{part.name}-{row}{photos.paths[row].suffix}").symlink_to(photos.paths[row].resolve())
    return optimise(bundle, Settings(precisions=("int8",), samples=folder))
