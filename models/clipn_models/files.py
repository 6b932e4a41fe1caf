"""Files that are complete or absent."""

from __future__ import annotations

import os
from pathlib import Path

import torch


def save_atomically(state: object, path: Path) -> None:
    """``torch.save`` to a new file that replaces the old one once it is on the disk."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name itself
    finally:
        os.close(folder)
