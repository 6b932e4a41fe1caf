"""The rows of ``ablate-default --fine-tuning``: both stages with the tail of the image tower trained too, and averages with the frozen weights."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np

from . import backbone, plan, towers
from .ablation import Ablation
from .features import Data
from .make import Work, made_pictures, strange_pictures
from .stage_one import Preset, StageOne
from .stage_two import Fold, encode, folds
from .stage_two import Preset as SecondPreset
from .tail import Activations, Tail, activations, between
from .towers import ImageHead
from .tuning import Tuning, TuningPreset, used

SHARES = (0.25, 0.5, 0.75, 1.0)


@dataclass
class Fronts:
    """Activations of the photographs that the tail is trained on, of those that are measured, and of made and strange pictures."""

    training: Activations
    held: Activations
    made: Activations
    far: Activations


def fronts(a: Ablation, work: Work, preset: TuningPreset, log) -> Fronts:
    folder, graph = work.folder / "front", work.folder / f"front{towers.LITE}.onnx"

    def computed(parts: list[plan.Part]) -> Activations:
        tasks = [t for p in parts if p.name not in preset.without for t in p.tasks]
        return activations(tasks, graph, work.workers, work.wheels, log)

    parts = plan.training(a.sets, a.apart, towers.SIZE, folder)
    training, held = computed(parts), computed(plan.held_out(a.sets, a.apart, "choice", towers.SIZE, folder))
    made = made_pictures(a.sets, parts, folder, graph, work.workers)
    return Fronts(training, held, Activations(made), Activations(strange_pictures(folder, graph)))


def run(a: Ablation, work: Work, head: ImageHead, parts: list[Fold], preset: TuningPreset | None = None, log=print) -> dict[str, dict]:
    """Stage one for each of ``SHARES`` of the way from the frozen to the fine-tuned weights of tail and head, and stage two on the fine-tuned
    tail with a new head. ``head`` and ``parts`` are those of the frozen tower. The folds of the fine-tuned one have heads of their own, but share its tail.
    """
    preset = preset or TuningPreset()
    front = fronts(a, work, preset, log)
    frozen = Tail(backbone.load(towers.LITE, work.wheels))
    tuning = Tuning(a.data, preset, head, frozen, front.training)
    tuning.train(work.folder / "tuning.pt", log)
    far, out = tuning.tail.pooled(front.far), {}
    for share in SHARES:
        tail, averaged = copy.deepcopy(frozen), copy.deepcopy(head)
        tail.load_state_dict(between(frozen, tuning.tail, share))
        averaged.load_state_dict(between(head, tuning.head, share))
        seen = a.view(tail.pooled(front.held), far)
        name = "stage one, last blocks fine-tuned"
        out[name if share == 1 else f"{name}, {100 * share:.0f} % of the way"] = a.measure(encode(averaged, seen.z, seen.conse), None, None)
    first, second = Preset(), SecondPreset()
    kept = only(a.data, used(a.data, preset))
    out["stage two, photographs of 64 and 32 px left out"] = a.stage_two(a.seen, head, kept, parts, second)
    tuned = retuned(kept, tuning, front)
    head = StageOne(tuned, first).run()
    out["stage one, last blocks fine-tuned, then a new head"] = a.measure(encode(head, seen.z, seen.conse), None, None)
    out["stage two, last blocks fine-tuned, the same photographs"] = a.stage_two(seen, head, tuned, folds(tuned, first, second.folds, log=log), second)
    return out


def only(data: Data, rows: np.ndarray) -> Data:
    """The same rows; those other than ``rows`` have no class, so that no stage uses them."""
    label = np.full_like(data.label, -1)
    label[rows] = data.label[rows]
    return replace(data, label=label)


def retuned(data: Data, tuning: Tuning, front: Fronts) -> Data:
    """Data with the features of the fine-tuned tail, where the front is known."""
    scale, rows = data.scale, np.flatnonzero(tuning.at >= 0)
    pooled, made = tuning.tail.pooled(front.training), tuning.tail.pooled(front.made)
    z, conse = data.z.clone(), data.conse.clone()
    z[rows], conse[rows] = scale.z(pooled), scale.conse(pooled)
    return replace(data, z=z, conse=conse, made=scale.z(made), made_conse=scale.conse(made))
