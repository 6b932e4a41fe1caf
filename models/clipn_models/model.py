"""CLIPN on top of open_clip: a CLIP with a second, full "no" text tower.

Names of the parameters are those of the official checkpoint (``*_no``), so that its state dict loads without changes.
Method: "CLIPN for Zero-Shot OOD Detection: Teaching CLIP to Say No", ICCV 2023, arXiv 2308.12213.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path

import torch
import torch.nn.functional as F
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from torch import Tensor, nn

from . import towers  # noqa: F401  (registers this package's image towers with timm)

NUM_PROMPTS = 16
"""How many "no" prompts the learnable variant keeps; evaluation uses their mean."""

LOGIT_SCALE = 100.0
"""CLIPN's constant; the checkpoint's own ``logit_scale`` is ignored by the method."""

ARCHS = Path(__file__).parent / "archs"


class CLIPN(CLIP):
    """CLIP plus the no tower.

    ``learnable_prompt``: True for the published variant (``prompt_no``, same templates for both towers), False for the
    hand-crafted one (paired prompt lists, no ``prompt_no``).
    """

    def __init__(self, embed_dim: int, vision_cfg: dict, text_cfg: dict, learnable_prompt: bool = True, **kwargs):
        super().__init__(embed_dim, CLIPVisionCfg(**vision_cfg), CLIPTextCfg(**text_cfg), **kwargs)
        self.embed_dim = embed_dim
        width = self.token_embedding.embedding_dim
        self.transformer_no = copy.deepcopy(self.transformer)
        self.token_embedding_no = copy.deepcopy(self.token_embedding)
        self.positional_embedding_no = nn.Parameter(self.positional_embedding.detach().clone())
        self.ln_final_no = copy.deepcopy(self.ln_final)
        self.text_projection_no = nn.Parameter(self.text_projection.detach().clone())
        self.prompt_no = nn.Parameter(torch.zeros(NUM_PROMPTS, self.context_length, width)) if learnable_prompt else None

    @property
    def image_size(self) -> int:
        size = self.visual.image_size
        return size[0] if isinstance(size, (tuple, list)) else size

    def start_no_from_yes(self) -> None:
        """The recipe's starting point: the no tower a copy of the yes tower, ``prompt_no`` zeros."""
        state = {k: v for k, v in self.state_dict().items()}
        with torch.no_grad():
            for name, value in state.items():
                stem, _, rest = name.partition(".")
                if stem.endswith("_no") and stem != "prompt_no":
                    value.copy_(state[stem.removesuffix("_no") + ("." + rest if rest else "")])
            if self.prompt_no is not None:
                self.prompt_no.zero_()

    def no_parameters(self) -> dict[str, nn.Parameter]:
        """The parameters that the second stage trains: those with ``_no`` in the first part of their name."""
        return {n: p for n, p in self.named_parameters() if n.partition(".")[0].endswith("_no")}

    def text_features(self, tokens: Tensor, tower: str, prompt: Tensor | None = None) -> Tensor:
        """Text features before normalisation: tokens int64 [N, T] (T <= context length) -> float32 [N, D].

        ``tower`` is "yes" or "no". Texts are causal and read at their end-of-text token (the arg-max of the ids), so
        cutting a batch to its longest text changes nothing. ``prompt`` [N or 1, context, W] replaces the mean of
        ``prompt_no`` (training draws one of the sixteen or their mean).
        """
        length = tokens.shape[1]
        suffix = "_no" if tower == "no" else ""
        x = getattr(self, "token_embedding" + suffix)(tokens) + getattr(self, "positional_embedding" + suffix)[:length]
        if tower == "no" and self.prompt_no is not None:
            x = x + (self.prompt_no.mean(0, keepdim=True) if prompt is None else prompt)[:, :length]
        x = getattr(self, "transformer" + suffix)(x, attn_mask=self.attn_mask[:length, :length])
        x = getattr(self, "ln_final" + suffix)(x)
        x = x[torch.arange(x.shape[0], device=x.device), tokens.argmax(dim=-1)]
        with torch.autocast(x.device.type, enabled=False):  # half-precision noise times 100 would exceed the differences of the logits
            return x.float() @ getattr(self, "text_projection" + suffix)

    def encode_text(self, text: Tensor, normalize: bool = False, tower: str = "yes") -> Tensor:
        features = self.text_features(text, tower)
        return F.normalize(features, dim=-1) if normalize else features

    def draw_prompts(self, count: int, generator: torch.Generator | None = None) -> Tensor | None:
        """For each text one of the sixteen prompts or their mean, at random: [count, context, W]."""
        if self.prompt_no is None:
            return None
        choices = torch.cat([self.prompt_no, self.prompt_no.mean(0, keepdim=True)])
        return choices[torch.randint(0, NUM_PROMPTS + 1, (count,), generator=generator)]


def arch_config(name: str) -> dict:
    """Configuration by name: this package's ``archs/<name>.json``, else open_clip's own, else a path to a JSON file."""
    path = ARCHS / f"{name}.json"
    if path.exists():
        return json.loads(path.read_text())
    if name.endswith(".json") and Path(name).exists():
        return json.loads(Path(name).read_text())
    import open_clip

    config = open_clip.get_model_config(name)
    if config is None:
        raise ValueError(f"unknown architecture {name!r}: neither one of {sorted(p.stem for p in ARCHS.glob('*.json'))} nor of open_clip's")
    return config


def build(config: dict, learnable_prompt: bool = True) -> CLIPN:
    """A CLIPN with random weights from an open_clip configuration."""
    known = {k: config[k] for k in ("embed_dim", "vision_cfg", "text_cfg", "quick_gelu") if k in config}
    return CLIPN(**known, learnable_prompt=learnable_prompt)
