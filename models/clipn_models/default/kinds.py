"""More general names of the training classes: a photograph of a beagle is one of a dog, and tenants say "dog".

The sources are the table ``hypernyms.txt`` of this project and the sets themselves: every breed is a dog, every car has its body type,
every grocery its shelf.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .apart import Apart, same_thing
from .sources import PhotoSet

TABLE = Path(__file__).parent / "hypernyms.txt"

BODIES = {
    "SUV": "SUV",
    "Sedan": "sedan",
    "Coupe": "sports car",
    "Convertible": "convertible",
    "Wagon": "station wagon",
    "Van": "van",
    "Minivan": "minivan",
    "Hatchback": "hatchback",
    "Cab": "pickup truck",
}
OF_A_SET = {"cars": ("car", "vehicle"), "food": ("food", "dish of food"), "trash": ("waste",), "grocery-train": ("groceries",)}


def table() -> dict[str, tuple[str, ...]]:
    """{more general name: the names below it}."""
    rows = (line.partition(" = ") for line in TABLE.read_text().splitlines() if " = " in line and not line.startswith("#"))
    return {kind.strip(): tuple(m.strip() for m in members.split(",")) for kind, _, members in rows}


def kinds_of(sets: dict[str, PhotoSet], apart: Apart, names: list[str]) -> tuple[list[str], np.ndarray]:
    """(K more general names, bool [C, K]: which of them each of the classes ``names`` is). None of them is set apart."""
    below: dict[str, set[str]] = {kind: {m.lower() for m in members} for kind, members in table().items()}
    dogs = {c.synset for c in sets["dogs"].categories}
    for photos in sets.values():
        for category in photos.categories:
            name = category.names[0].lower()
            more = list(OF_A_SET.get(photos.name, ()))
            if category.synset in dogs:
                more.append("dog")
            if photos.name == "cars":
                more += [body for word, body in BODIES.items() if word in category.names[0].split()]
            if photos.name == "grocery-train" and " " in name:
                more.append(name.split()[-1])
            for kind in more:
                below.setdefault(kind, set()).add(name)
    for shorter in ("dog", "car"):
        below.setdefault("animal" if shorter == "dog" else "vehicle", set()).update(below.get(shorter, set()))
    own = {n.lower() for n in names}
    free = [k for k in sorted(below) if k.lower() not in own and not any(same_thing(k, n) and " " not in n for n in apart.names)]
    is_kind = np.array([[n.lower() in below[k] or any(n.lower().endswith(" " + m) for m in below[k]) for k in free] for n in names])
    used = is_kind.any(0)
    return [k for k, u in zip(free, used, strict=True) if u], is_kind[:, used]
