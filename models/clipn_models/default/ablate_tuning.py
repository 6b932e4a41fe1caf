"""The rows of ``ablate-default --fine-tuning``: stage one with the tail of the image tower trained too, and averages with the frozen weights."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from . import backbone, plan, towers
from .make import Work
from .stage_two import encode
from .tail import Activations, Tail, activations, between
from .towers import ImageHead
from .tuning import Tuning, TuningPreset

if TYPE_CHECKING:
    from .ablate import Ablation

SHARES = (0.25, 0.5, 0.75, 1.0)


def run(a: Ablation, work: Work, head: ImageHead, preset: TuningPreset | None = None, log=print) -> dict[str, dict]:
    """Figures for each of ``SHARES`` of the way from the frozen to the fine-tuned weights of tail and head; ``head`` is that of stage one."""
    preset = preset or TuningPreset()
    folder, graph = work.folder / "front", work.folder / f"front{towers.LITE}.onnx"

    def computed(parts: list[plan.Part]) -> Activations:
        tasks = [t for p in parts if p.name not in preset.without for t in p.tasks]
        return activations(tasks, graph, work.workers, work.wheels, log)

    front = computed(plan.training(a.sets, a.apart, towers.SIZE, folder))
    held = computed(plan.held_out(a.sets, a.apart, "choice", towers.SIZE, folder))
    frozen = Tail(backbone.load(towers.LITE, work.wheels))
    tuning = Tuning(a.data, preset, head, frozen, front)
    tuning.train(work.folder / "tuning.pt", log)
    out = {}
    for share in SHARES:
        tail, averaged = copy.deepcopy(frozen), copy.deepcopy(head)
        tail.load_state_dict(between(frozen, tuning.tail, share))
        averaged.load_state_dict(between(head, tuning.head, share))
        pooled = tail.pooled(held)
        v = encode(averaged, a.data.scale.z(pooled), a.data.scale.conse(pooled))
        name = "stage one, last blocks fine-tuned"
        out[name if share == 1 else f"{name}, {100 * share:.0f} % of the way"] = a.measure(v, None, None)
    return out
