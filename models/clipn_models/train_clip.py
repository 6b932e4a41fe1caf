"""Stage one of the default bundle: a small CLIP from scratch on named photographs and captions.

Loss per step, all on unit features with one scale that grows from 20 to CLIPN's constant 100:
  names      each image against one text per class over all data sets (texts that may also fit are left out),
  hypernyms  each image against all hypernyms, target uniform over those of its class,
  captions   symmetric InfoNCE among captioned photographs (CLIP),
  teacher    cross-entropy of an auxiliary 1,001-way head with an ImageNet teacher's soft labels (dropped afterwards).
Resolution grows during training: low resolutions cost little and teach most.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import lexicon, tokenizer
from .batches import Source, centre, class_keys, held_out, jitter, paste
from .captions import DEFAULT_TEMPLATES, NameBank, corpus, template_texts, vocabulary
from .model import CLIPN, LOGIT_SCALE, arch_config, build
from .muon import Muon

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class ClipPreset:
    """Everything that decides the outcome of stage one, besides data and seed."""

    arch: str = "clipn-tiny"
    steps: int = 4000
    named: tuple[tuple[str, int], ...] = (("tiny-train", 320), ("cifar-train", 128), ("caltech-train", 32))
    captioned: int = 32
    resolutions: tuple[tuple[float, int], ...] = ((0.0, 40), (0.25, 48), (0.6, 56), (0.85, 64))
    lr: float = 8e-3
    """of the image tower's convolutions (Muon)"""
    other_lr: float = 2e-3
    """of the rest of the image tower (AdamW)"""
    text_lr: float = 7e-4
    weight_decay: float = 0.05
    warmup: int = 200
    scale_start: float = 20.0
    scale_until: float = 0.5
    teacher_weight: float = 0.5
    teacher_temperature: float = 1.0
    smoothing: float = 0.05
    mix: float = 0.0
    """share of the steps whose named photographs have a piece of another one pasted in, and are so far taught its names (CutMix)"""
    apart: bool = False
    """whether a twentieth of the named photographs is kept for stage two: what a tower has learnt by heart it tells apart better than
    anything it will be asked about, and a no tower taught on that alone learns too little doubt"""
    resident: bool = False
    """whether all photographs move into the device's memory and are cropped there"""


PRESETS = {
    "cpu": ClipPreset(),
    "gpu": ClipPreset(
        arch="clipn-small",
        steps=6000,
        named=(("tiny-train", 2752), ("cifar-train", 960), ("caltech-train", 160)),
        captioned=224,
        resolutions=((0.0, 48), (0.4, 56), (0.7, 64)),
        teacher_weight=0.3,
        mix=0.5,
        apart=True,
        resident=True,
    ),
}
"""``cpu`` took a hundred minutes of two cores. ``gpu`` shows 24 million photographs, twelve times as many, to a tower of four times the work. Its batch
is that large because an H200 was found waiting for Python at half of it: 2,048 a step took 120 to 147 ms at any resolution."""


DATASETS = {"tiny": "tiny-imagenet", "cifar": "cifar100", "caltech": "caltech101"}


def normalise(pixels: Tensor) -> Tensor:
    mean, std = torch.tensor(MEAN, device=pixels.device), torch.tensor(STD, device=pixels.device)
    return ((pixels - mean.view(3, 1, 1)) / std.view(3, 1, 1)).contiguous(memory_format=torch.channels_last)


def load_classes(packs: Path, splits: list[str], words: Path | None) -> tuple[list[lexicon.ClassNames], dict[str, int]]:
    """Names of all classes of all named splits in a row, and where each split's begin."""
    table = dict(line.split("\t") for line in words.read_text().splitlines()) if words else None
    classes: list[lexicon.ClassNames] = []
    offsets = {}
    for split in splits:
        dataset = DATASETS[split.split("-")[0]]
        offsets[split] = len(classes)
        classes += lexicon.load(dataset, class_keys(packs, split), table if dataset == "tiny-imagenet" else None)
    return classes, offsets


def names_loss(image: Tensor, text: Tensor, relation: Tensor, scale: float, smoothing: float) -> Tensor:
    """-log of the share of the fitting texts among all that fit or don't. relation int8 [N, M]: 1 fits, 0 not, -1 unknown."""
    logits = (scale * image @ text.T).masked_fill(relation < 0, -1e4)
    log_p = logits.log_softmax(-1)
    hit = torch.logsumexp(log_p.masked_fill(relation != 1, -1e4), -1)
    known = relation >= 0
    uniform = (log_p * known).sum(-1) / known.sum(-1)
    return -((1 - smoothing) * hit + smoothing * uniform).mean()


def caption_loss(image: Tensor, text: Tensor, scale: float) -> Tensor:
    logits = scale * image @ text.T
    target = torch.arange(len(image), device=image.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


class Trainer:
    def __init__(self, packs: Path, words: Path, out: Path, preset: ClipPreset, seed: int):
        self.packs, self.out, self.preset, self.seed = packs, out, preset, seed
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.backends.cudnn.benchmark = True
        torch.manual_seed(seed)
        self.rng = np.random.default_rng(seed)
        splits = [s for s, _ in preset.named]
        self.classes, offsets = load_classes(packs, splits, words)
        resident = self.device if preset.resident else None
        self.sources = {s: Source(packs, s, offsets[s], resident=resident, apart=preset.apart) for s in splits}
        self.captioned = Source(packs, "flickr-train", resident=resident) if preset.captioned else None
        captions = self.captioned.pack.captions if self.captioned else []
        config = arch_config(preset.arch)
        out.mkdir(parents=True, exist_ok=True)
        path = out / "tokenizer.json"
        if not path.exists():
            tokenizer.train(corpus(self.classes, captions), config["text_cfg"]["vocab_size"]).save(str(path))
            (out / "vocabulary.json").write_text(json.dumps(vocabulary(self.classes, captions)))
        self.tokenizer = tokenizer.load(path)
        self.bank = NameBank(self.classes)
        self.model: CLIPN = build(config).to(self.device).to(memory_format=torch.channels_last)
        for p in self.model.no_parameters().values():
            p.requires_grad_(False)
        self.teacher_head = nn.Linear(self.model.visual.trunk.num_features, 1001).to(self.device)
        self.optimizers = self._optimizers()
        self.step = 0
        self.settled = False
        self.kept: tuple[Tensor, np.ndarray] | None = None

    def _optimizers(self) -> list[torch.optim.Optimizer]:
        """Muon for the image tower's convolutions, AdamW for all else; no weight decay on gains and biases."""
        p = self.preset
        groups: dict[str, list] = {"convolution": [], "image": [], "image gain": [], "text": [], "text gain": []}
        for name, q in [*self.model.named_parameters(), *self.teacher_head.named_parameters("teacher")]:
            if not q.requires_grad or name == "logit_scale":
                continue
            tower = "image" if name.startswith(("visual", "teacher")) else "text"
            groups["convolution" if q.ndim == 4 else tower if q.ndim > 1 else f"{tower} gain"].append(q)
        lr = {"convolution": p.lr, "image": p.other_lr, "image gain": p.other_lr, "text": p.text_lr, "text gain": p.text_lr}

        def group(kind: str) -> dict:
            return {"params": groups[kind], "lr": lr[kind], "base": lr[kind], "weight_decay": 0.0 if "gain" in kind else p.weight_decay}

        return [
            Muon([group("convolution")], lr=p.lr),
            torch.optim.AdamW([group(k) for k in groups if k != "convolution"], betas=(0.9, 0.98), eps=1e-8),
        ]

    @property
    def _param_groups(self) -> list[dict]:
        return [g for o in self.optimizers for g in o.param_groups]

    def _text(self, texts: list[str]) -> Tensor:
        """Unit features of texts; short and long ones apart, since a batch costs what its longest text costs."""
        tokens = tokenizer.encode(self.tokenizer, texts, self.model.context_length)
        length = tokens.argmax(dim=-1) + 1
        order = length.argsort()
        halves = [h for h in order.chunk(2) if len(h)]
        with torch.autocast(self.device.type, torch.bfloat16):
            parts = [self.model.text_features(tokens[h, : int(length[h].max())].to(self.device), "yes") for h in halves]
        return F.normalize(torch.cat(parts)[order.argsort().to(self.device)], dim=-1)

    def _bank(self) -> tuple[Tensor, np.ndarray]:
        """Features of one text per class and per hypernym, and the relation of the class texts to the image classes.

        A random half is drawn and encoded anew, with gradient; the rest keeps the names and features of a recent step.
        """
        names, table = self.bank.draw(self.rng)
        count = len(names) + len(self.bank.hypernyms)
        fresh = np.ones(count, bool)
        if self.kept is not None:
            fresh[self.rng.permutation(count)[count // 2 :]] = False
        picked = np.flatnonzero(fresh)
        texts = template_texts([*names, *self.bank.hypernyms], self.rng)
        features = self._text([texts[i] for i in picked])
        if self.kept is not None:
            features = self.kept[0].index_put((torch.from_numpy(picked).to(self.device),), features)
            table = np.where(fresh[: len(names), None], table, self.kept[1])
        self.kept = (features.detach(), table)
        return features, table

    def _image(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast(self.device.type, torch.bfloat16):
            trunk = self.model.visual.trunk(normalise(pixels.to(self.device)))
        trunk = trunk.float()
        return F.normalize(self.model.visual.head(trunk), dim=-1), self.teacher_head(trunk)

    def one_step(self) -> dict[str, float]:
        p, progress = self.preset, self.step / self.preset.steps
        lr = min(1.0, (self.step + 1) / p.warmup) * 0.5 * (1 + math.cos(math.pi * progress))
        for group in self._param_groups:
            group["lr"] = group["base"] * lr
        scale = p.scale_start * (LOGIT_SCALE / p.scale_start) ** min(1.0, progress / p.scale_until)
        resolution = [r for start, r in p.resolutions if progress >= start][-1]

        batches = [self.sources[s].batch(n, resolution, self.rng) for s, n in p.named]
        if self.captioned:
            batches.append(self.captioned.batch(p.captioned, resolution, self.rng))
        pixels = jitter(torch.cat([b.pixels for b in batches]), self.rng)
        count = sum(n for _, n in p.named)
        labels = np.concatenate([b.labels for b in batches[: len(p.named)]])
        # whose names count how much: each photograph's own and, with a piece pasted in, the other's
        shown = [(np.arange(count), 1.0)]
        if p.mix and self.rng.random() < p.mix:
            partner = self.rng.permutation(count)
            mixed, own = paste(pixels[:count], partner, self.rng)
            pixels = torch.cat([mixed, pixels[count:]])
            shown = [(np.arange(count), own), (partner, 1 - own)]
        image, teacher = self._image(pixels)

        text, table = self._bank()
        captions = [self.captioned.pack.captions[i][self.rng.integers(0, 5)] for i in batches[-1].labels] if self.captioned else []
        n_names = len(self.classes)
        relation = self._sent(table[:, labels].T.copy())
        over = self.bank.hypernym_of[labels].astype(np.float32)
        has = np.flatnonzero(over.sum(-1) > 0)
        over = self._sent(over / np.maximum(over.sum(-1, keepdims=True), 1))
        hypernyms = (scale * image[:count] @ text[n_names:].T).log_softmax(-1)
        losses = {"names": 0, "hypernyms": 0}
        for whose, share in shown:
            losses["names"] += share * names_loss(image[:count], text[:n_names], relation[self._sent(whose)], scale, p.smoothing)
            # photographs without a hypernym have a target of zeros, and add nothing
            losses["hypernyms"] -= share * (over[self._sent(whose)] * hypernyms).sum() / len(has) if len(has) else 0
        if captions:
            losses["captions"] = caption_loss(image[count:], self._text(captions), scale)
        soft = [b.teacher for b in batches]
        if all(s is not None for s in soft) and p.teacher_weight:
            t = p.teacher_temperature
            target = (torch.cat(soft).to(self.device) / t).softmax(-1)
            named = sum(share * target[self._sent(whose)] for whose, share in shown)
            target = torch.cat([named, target[count:]])
            losses["teacher"] = F.cross_entropy(teacher / t, target)
        weights = {"names": 1.0, "hypernyms": 0.3, "captions": 0.3, "teacher": p.teacher_weight}
        total = sum(weights[k] * v for k, v in losses.items())
        total.backward()
        nn.utils.clip_grad_norm_([q for g in self._param_groups for q in g["params"]], 5.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        # tensors, not numbers: to ask a GPU for a number is to wait for it
        return {k: v.detach() if isinstance(v, Tensor) else v for k, v in losses.items()} | {"scale": scale, "resolution": resolution}

    def _sent(self, values: np.ndarray) -> Tensor:
        """An array on the device; a GPU's work goes on meanwhile."""
        tensor = torch.from_numpy(values)
        return tensor.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else tensor

    def save(self, name: str = "clip.pt") -> None:
        state = {
            "step": self.step,
            "settled": self.settled,
            "preset": asdict(self.preset),
            "seed": self.seed,
            "state_dict": self.model.state_dict(),
            "teacher_head": self.teacher_head.state_dict(),
            "optimizers": [o.state_dict() for o in self.optimizers],
            "kept": self.kept,
            "rng": self.rng.bit_generator.state,
            "orders": {k: s._order for k, s in {**self.sources, **({"flickr-train": self.captioned} if self.captioned else {})}.items()},
        }
        torch.save(state, self.out / (name + ".tmp"))
        (self.out / (name + ".tmp")).rename(self.out / name)

    def resume(self, name: str = "clip.pt") -> bool:
        path = self.out / name
        if not path.exists():
            return False
        state = torch.load(path, map_location=self.device, weights_only=False)
        if state["preset"]["arch"] != self.preset.arch:
            raise ValueError(f"{path} is of the architecture {state['preset']['arch']}, this run of {self.preset.arch}: give it a directory of its own")
        self.step = state["step"]
        self.settled = state.get("settled", False)
        self.model.load_state_dict(state["state_dict"])
        self.teacher_head.load_state_dict(state["teacher_head"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.rng.bit_generator.state = state["rng"]
        self.kept = state["kept"]
        for k, order in state["orders"].items():
            (self.captioned if k == "flickr-train" else self.sources[k])._order = order
        return True

    def run(self, every: int = 20, checkpoint: int = 250) -> None:
        self.model.train()
        self.teacher_head.train()
        log = (self.out / "clip.jsonl").open("a")
        seen, since = 0, time.time()
        while self.step < self.preset.steps:
            losses = self.one_step()
            seen += sum(n for _, n in self.preset.named) + self.preset.captioned
            if self.step % every == 0 or self.step == self.preset.steps:
                row = {"step": self.step, **{k: round(float(v), 4) for k, v in losses.items()}, "images_per_s": round(seen / (time.time() - since))}
                print(json.dumps(row), flush=True)
                log.write(json.dumps(row) + "\n")
                log.flush()
                seen, since = 0, time.time()
            if self.step % checkpoint == 0 or self.step == self.preset.steps:
                self.save()
            if self.step % (checkpoint * 2) == 0 or self.step == self.preset.steps:
                print(json.dumps({"step": self.step, "held_out_top1": round(self.held_out_top1(resolution=int(losses["resolution"])), 4)}), flush=True)
                since = time.time()
        if not self.settled:
            self.settle()
            self.save()
            print(json.dumps({"step": self.step, "settled": True, "held_out_top1": round(self.held_out_top1(resolution=self.model.image_size), 4)}), flush=True)

    @torch.no_grad()
    def settle(self, batches: int = 40) -> None:
        """Batch norms' statistics anew, over whole photographs at full resolution: what is served is no crop of a third.

        Those kept while training are of zoomed and cut views, and of a resolution that has just changed; on held-out photographs the
        difference is two to three points of accuracy.
        """
        norms = [m for m in self.model.visual.modules() if isinstance(m, nn.BatchNorm2d)]
        momenta = [norm.momentum for norm in norms]
        rng = np.random.default_rng(self.seed)
        sources = [(self.sources[s], n) for s, n in self.preset.named]
        if self.captioned:
            sources.append((self.captioned, self.preset.captioned))
        self.model.eval()
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the plain mean over all batches
            norm.train()
        for _ in range(batches if norms else 0):
            views = [
                centre(s.pack.pixels[np.sort(rng.choice(s.usable, min(n, len(s.usable)), replace=False))], self.model.image_size, self.device)
                for s, n in sources
            ]
            self.model.visual.trunk(normalise(torch.cat(views)))
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        self.settled = True

    @torch.no_grad()
    def held_out_top1(self, resolution: int) -> float:
        """Zero-shot top-1 among its own classes on the first split's photographs that training never sees, canonical names."""
        source = next(iter(self.sources.values()))
        classes = self.classes[source.offset : source.offset + len(source.pack.classes)]
        self.model.eval()
        text = class_features(self.model, self.tokenizer, [c.names[0] for c in classes], DEFAULT_TEMPLATES, "yes")
        hits = 0
        rows = np.flatnonzero(held_out(len(source.pack)))
        for part in np.array_split(rows, math.ceil(len(rows) / 500)):
            pixels = normalise(centre(source.pack.pixels[part], resolution, self.device))
            image = F.normalize(self.model.encode_image(pixels).float(), dim=-1)
            hits += int(((image @ text.T).argmax(-1).cpu().numpy() == source.pack.labels[part]).sum())
        self.model.train()
        return hits / len(rows)


@torch.no_grad()
def class_features(model: CLIPN, tok, names: list[str], templates: list[str], tower: str) -> Tensor:
    """Per class: encode every template, normalise, sum, normalise. Unit float32 [C, D]."""
    total = 0
    for template in templates:
        tokens = tokenizer.encode(tok, [template.format(n) for n in names], model.context_length).to(next(model.parameters()).device)
        total = total + F.normalize(model.text_features(tokens, tower), dim=-1)
    return F.normalize(total, dim=-1)
