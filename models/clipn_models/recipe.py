"""The CLIPN recipe for any CLIP and any image-caption pairs: only the no tower learns, from features of frozen towers.

Per step N pairs: every image against every caption, N x N. Of each caption the no tower sees one of the sixteen prompts or their
mean, drawn at random. Losses: ``losses.py``. In the paper's form a caption that occurs twice in a batch ("image
of a city"), and each of several captions of one photograph, is trained as a negative for a picture that it describes. Such pairs are
left out, unless ``strict``.

All randomness (order of the data, crops, prompts) is a function of seed and step, and equal on every rank. An interrupted run therefore
continues exactly as without the interruption, and several processes compute the same as one.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .distributed import World
from .features import FeatureCache, cut_to_longest
from .figures import gate_figures
from .files import save_atomically
from .losses import clipn_loss, imagined_tenants
from .model import CLIPN, LOGIT_SCALE, NUM_PROMPTS
from .pretrained import digest


@dataclass(frozen=True)
class Preset:
    """All settings that determine the result, besides checkpoint, data and seed. The defaults are the paper's."""

    epochs: int = 10
    batch: int = 2048
    """pairs per step, over all processes together"""
    lr: float = 3e-4
    betas: tuple[float, float] = (0.9, 0.98)
    eps: float = 1e-6
    weight_decay: float = 0.2
    """0 for gains and biases"""
    crop: tuple[float, float] = (0.9, 1.0)
    """share of the photograph's area that a random crop keeps"""
    views: int = 2
    """crops of each photograph whose features are kept; as many as epochs is the paper's fresh crop each time"""
    strict: bool = False
    """exactly the paper's form: captions and photographs that occur twice count as negatives of each other"""
    membership: float = 0.0
    """weight of the loss of imagined tenants (``losses.imagined_tenants``), which the paper does not have"""
    clip: float = 0.0
    """largest norm of a step's gradient; 0: any"""


PRESETS = {"clipn": Preset(), "quick": Preset(epochs=30, batch=256, membership=1.0, clip=1.0)}
"""``clipn`` is the published schedule, made for millions of pairs; ``quick`` takes enough steps to learn from some thousands."""


MOST_TEXTS = 256
"""Texts that tenants are imagined from in a step."""


class RunMismatch(ValueError):
    """The run directory contains a run with other settings."""


def prompt_mix(choice: np.ndarray) -> Tensor:
    """int [N] in 0..16 -> float32 [N, 16]: the weights of the sixteen prompts for each text; 16 means their mean.

    The gradient of a matrix product is summed in a fixed order; that of indexing is not.
    """
    table = np.concatenate([np.eye(NUM_PROMPTS), np.full((1, NUM_PROMPTS), 1 / NUM_PROMPTS)]).astype(np.float32)
    return torch.from_numpy(table[choice])


def same_thing(ids: Tensor) -> Tensor:
    """int64 [N, 2] (caption, image) -> bool [N, N]: pairs off the diagonal that share caption or photograph."""
    caption, image = ids[:, 0], ids[:, 1]
    same = (caption[:, None] == caption) | (image[:, None] == image)
    return same & ~torch.eye(len(ids), dtype=torch.bool, device=ids.device)


class Recipe:
    """Trains ``model``'s no tower in place. ``texts_at_once`` bounds memory, not the batch; ``half`` computes in bfloat16."""

    def __init__(self, model: CLIPN, features: FeatureCache, preset: Preset, seed: int, world: World, texts_at_once: int = 512, half: bool = False):
        self.model, self.features, self.preset, self.seed, self.world = model.eval(), features, preset, seed, world
        self.texts_at_once, self.half = texts_at_once, half
        if preset.batch % world.size:
            raise ValueError(f"a batch of {preset.batch} can't be shared out evenly among {world.size} processes")
        if not 2 <= preset.batch <= len(features):
            raise ValueError(f"a batch of {preset.batch} needs at least as many pairs, and two; there are {len(features)} usable ones")
        self.epoch_steps = len(features) // preset.batch
        self.steps = self.epoch_steps * preset.epochs
        self.step = 0
        for p in model.parameters():
            p.requires_grad_(False)
        self.learning = model.no_parameters()
        for p in self.learning.values():
            p.requires_grad_(True)
        plain = [p for p in self.learning.values() if p.ndim < 2]
        decayed = [p for p in self.learning.values() if p.ndim >= 2]
        self.optimizer = torch.optim.AdamW(
            [{"params": plain, "weight_decay": 0.0}, {"params": decayed, "weight_decay": preset.weight_decay}],
            lr=preset.lr,
            betas=preset.betas,
            eps=preset.eps,
        )
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0, np.int64))
        self._about = {
            "frozen": digest(model, no=False),
            "start": digest(model, no=True),
            "features": features.key,
            "pairs": len(features),
            "seed": seed,
            "half": half,
            **{k: list(v) if isinstance(v, tuple) else v for k, v in asdict(preset).items()},
        }

    def order(self, epoch: int) -> np.ndarray:
        """The order of the usable pairs in an epoch, kept until the next."""
        if self._order[0] != epoch:
            self._order = (epoch, np.random.default_rng([self.seed, 0, epoch]).permutation(len(self.features)))
        return self._order[1]

    def drawn(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """This step's share of this process: rows, which crop of each, which prompt of each. All int [n]."""
        epoch, within = divmod(self.step, self.epoch_steps)
        size, share = self.preset.batch, self.preset.batch // self.world.size
        rows = self.order(epoch)[within * size : (within + 1) * size]
        prompts = np.random.default_rng([self.seed, 1, self.step]).integers(0, NUM_PROMPTS + 1, size)
        mine = slice(self.world.rank * share, (self.world.rank + 1) * share)
        return rows[mine], (epoch + rows[mine]) % self.preset.views, prompts[mine]  # in turn, so that every crop is used equally often

    def no_features(self, tokens: Tensor, mix: Tensor) -> Tensor:
        """Unit no features float32 [N, D] of tokens [N, T], each with its prompt; the hand-crafted variant has none."""
        length = tokens.shape[1]
        prompt = None
        if self.model.prompt_no is not None:
            prompt = (mix @ self.model.prompt_no[:, :length].flatten(1)).view(len(tokens), length, -1)
        with torch.autocast(tokens.device.type, torch.bfloat16, enabled=self.half):
            return F.normalize(self.model.text_features(tokens, "no", prompt).float(), dim=-1)

    def one_step(self) -> dict[str, float]:
        """Losses of the step, over the batch of all processes.

        The batch's texts pass the tower in pieces: first for their features, and again for the gradient once the loss of the whole
        batch is known. A batch of one piece passes once.
        """
        rate = self.preset.lr * 0.5 * (1 + math.cos(math.pi * self.step / self.steps))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        rows, views, prompts = self.drawn()
        batch = self.features.batch(rows, views)
        by_length = batch.tokens.argmax(-1).argsort(stable=True)  # the longest text of a piece decides its cost
        pieces = by_length.split(self.texts_at_once)
        mix = prompt_mix(prompts).to(self.world.device)

        def encode(piece: Tensor) -> Tensor:
            return self.no_features(cut_to_longest(batch.tokens[piece]), mix[piece])

        with torch.set_grad_enabled(len(pieces) == 1):
            encoded = [encode(p) for p in pieces]
        gather = self.world.gather
        no = gather(torch.cat(encoded).detach()).requires_grad_()
        image, yes, ids = gather(batch.image[by_length]), gather(batch.yes[by_length]), gather(batch.ids[by_length])
        losses = clipn_loss(image, yes, no, LOGIT_SCALE, ignore=None if self.preset.strict else same_thing(ids))
        if self.preset.membership:
            losses["membership"] = self._membership(image @ yes.T, image @ no.T, ids)
            losses["total"] = losses["total"] + self.preset.membership * losses["membership"]
        (towards,) = torch.autograd.grad(losses["total"], no)
        mine = towards[self.world.rank * len(rows) : (self.world.rank + 1) * len(rows)]
        self.optimizer.zero_grad(set_to_none=True)
        for i, (piece, part) in enumerate(zip(pieces, mine.split(self.texts_at_once), strict=True)):
            (encoded[i] if len(pieces) == 1 else encode(piece)).backward(part)
        self.world.sum_gradients(self.learning.values())
        if self.preset.clip:
            torch.nn.utils.clip_grad_norm_(self.learning.values(), self.preset.clip)
        self.optimizer.step()
        self.step += 1
        return {k: float(v.detach()) for k, v in losses.items()} | {"lr": rate}

    def _membership(self, cos_yes: Tensor, cos_no: Tensor, ids: Tensor) -> Tensor:
        """Tenants imagined from the batch's distinct captions, ``MOST_TEXTS`` at most; an image belongs to its own captions."""
        rng = np.random.default_rng([self.seed, 2, self.step])
        captions = ids[:, 0].cpu().numpy()
        columns = np.unique(captions, return_index=True)[1]
        columns = torch.from_numpy(rng.permutation(columns)[:MOST_TEXTS]).to(ids.device)
        fits = same_thing(ids) | torch.eye(len(ids), dtype=torch.bool, device=ids.device)
        return imagined_tenants(cos_yes[:, columns], cos_no[:, columns], LOGIT_SCALE, fits[:, columns].to(torch.int8), rng)

    @torch.no_grad()
    def figures(self) -> dict[str, float]:
        """Quality of the current model on the held-out pairs: ``figures.gate_figures``, captions as classes."""
        rows = self.features.held
        if not len(rows):
            return {}
        batch = self.features.read(rows, np.zeros(len(rows), np.int64))
        captions, first, label = np.unique(batch.ids[:, 0].cpu().numpy(), return_index=True, return_inverse=True)
        mean = prompt_mix(np.full(len(captions), NUM_PROMPTS)).to(self.world.device)
        parts = torch.from_numpy(first).split(self.texts_at_once)
        tokens = [cut_to_longest(batch.tokens[p]) for p in parts]
        no = torch.cat([self.no_features(t, mean[: len(t)]) for t in tokens])
        as_numbers = [t.float().cpu().numpy().astype(np.float64) for t in (batch.image, batch.yes[first], no)]
        return gate_figures(as_numbers[0], label, as_numbers[1], as_numbers[2])

    def save(self, path: Path) -> None:
        """Writes everything that another process needs to continue. If the process is killed during this, the file is the old one or the new one."""
        if self.world.first:
            state = {n: p.detach() for n, p in self.learning.items()}
            save_atomically({"step": self.step, "about": self._about, "no": state, "optimizer": self.optimizer.state_dict()}, path)

    def resume(self, path: Path) -> bool:
        """Continues from a checkpoint if there is one. Raises RunMismatch if it belongs to a run with other settings."""
        if not path.exists():
            return False
        saved = torch.load(path, map_location=self.world.device, weights_only=True)
        other = [f"{k} {saved['about'].get(k)!r}, now {v!r}" for k, v in self._about.items() if saved["about"].get(k) != v]
        if other:
            raise RunMismatch(f"{path} is of a run with {'; '.join(other)}: give the same options to continue, or another directory to start over")
        with torch.no_grad():
            for name, p in self.learning.items():
                p.copy_(saved["no"][name])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.step = saved["step"]
        return True

    def write_official(self, path: Path, name: str, epoch: int) -> None:
        """The model as the official code saves it: {epoch, name, state_dict, optimizer}."""
        if self.world.first:
            state = {k: v.detach().cpu() for k, v in self.model.state_dict().items()}
            save_atomically({"epoch": epoch, "name": name, "state_dict": state, "optimizer": self.optimizer.state_dict()}, path)
