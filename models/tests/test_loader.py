from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from clipn_models.checkpoint import CheckpointError
from clipn_models.loader import compact, load_clipn, twin
from clipn_models.model import arch_config, build

State = dict[str, Tensor]


def trained(arch: str, learnable: bool = True, seed: int = 0) -> State:
    """Weights as after training: random, the no tower's other than the yes tower's."""
    torch.manual_seed(seed)
    model = build(arch_config(arch), learnable_prompt=learnable)
    with torch.no_grad():
        for p in model.no_parameters().values():
            p.add_(torch.randn_like(p) * 0.1)
    return model.state_dict()


def save(path: Path, state: State) -> Path:
    torch.save({"epoch": 10, "name": "n", "state_dict": {f"module.{k}": v for k, v in state.items()}, "optimizer": {}}, path)
    return path


@pytest.mark.parametrize("learnable", [True, False])
def test_both_variants_load_as_they_were_saved(tmp_path: Path, mini_arch: str, learnable: bool) -> None:
    state = trained(mini_arch, learnable)
    model = load_clipn(save(tmp_path / "c.pt", state), mini_arch)
    assert (model.prompt_no is not None) == learnable
    assert not model.training
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_half_precision_masks_and_the_unused_scale_do_no_harm(tmp_path: Path, mini_arch: str) -> None:
    state = trained(mini_arch)
    changed = {k: v.half() if v.is_floating_point() else v for k, v in state.items() if k != "logit_scale" and not k.endswith("num_batches_tracked")}
    model = load_clipn(save(tmp_path / "c.pt", {**changed, "attn_mask": torch.zeros(16, 16)}), mini_arch)
    assert model.token_embedding_no.weight.dtype == torch.float32
    assert torch.equal(model.token_embedding_no.weight, state["token_embedding_no.weight"].half().float())


def drop(*names: str) -> Callable[[State], State]:
    return lambda s: {k: v for k, v in s.items() if k not in names}


def edit(name: str, value: Callable[[Tensor], Tensor]) -> Callable[[State], State]:
    return lambda s: {**s, name: value(s[name])}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (drop("ln_final_no.weight", "visual.head.proj.weight"), ["missing: ln_final_no.weight, visual.head.proj.weight"]),
        (lambda s: {**s, "extra": torch.zeros(1), "adapter.0.w": torch.zeros(1)}, ["surplus: adapter.0.w, extra"]),
        (edit("prompt_no", lambda v: v[:8]), ["wrong shape, [8, 16, 32] instead of [16, 16, 32]: prompt_no"]),
        (edit("ln_final_no.bias", lambda v: v * torch.nan), ["not finite", "ln_final_no.bias"]),
        (edit("text_projection_no", lambda v: v.fill_(torch.inf)), ["not finite", "text_projection_no"]),
        (edit("text_projection", lambda v: v.to(torch.int8)), ["no floating-point numbers: text_projection"]),
        (
            lambda s: {k: v for k, v in s.items() if "_no" not in k.partition(".")[0]},
            ["no no tower at all", "missing: ln_final_no.bias, ln_final_no.weight", "transformer_no.resblocks.{0-1}.attn.in_proj_weight"],
        ),
        (  # everything at once
            lambda s: {**drop("ln_final_no.weight")(s), "extra": torch.zeros(1), "prompt_no": torch.zeros(1)},
            ["missing: ln_final_no.weight\n", "surplus: extra\n", "wrong shape"],
        ),
    ],
)
def test_parameters_that_do_not_fit_are_refused_by_name(tmp_path: Path, mini_arch: str, change: Callable[[State], State], words: list[str]) -> None:
    with pytest.raises(CheckpointError) as refusal:
        load_clipn(save(tmp_path / "c.pt", change(trained(mini_arch))), mini_arch, "auto" if "prompt_no" in change(trained(mini_arch)) else "learnable")
    for word in words:
        assert word in str(refusal.value)


def test_another_architecture_is_refused_by_name(tmp_path: Path, mini_arch: str) -> None:
    with pytest.raises(CheckpointError) as refusal:
        load_clipn(save(tmp_path / "c.pt", trained(mini_arch)), "clipn-tiny")
    for word in ("wrong shape, [700, 32] instead of [3072, 256]: token_embedding.weight", "missing: ", "transformer_no.resblocks.2.ln_1.bias"):
        assert word in str(refusal.value)


def test_the_variant_can_be_required(tmp_path: Path, mini_arch: str) -> None:
    with pytest.raises(CheckpointError, match="missing: prompt_no"):
        load_clipn(save(tmp_path / "h.pt", trained(mini_arch, learnable=False)), mini_arch, "learnable")
    with pytest.raises(CheckpointError, match="surplus: prompt_no"):
        load_clipn(save(tmp_path / "l.pt", trained(mini_arch)), mini_arch, "hand-crafted")
    with pytest.raises(ValueError, match="unknown variant 'other'"):
        load_clipn(tmp_path / "l.pt", mini_arch, "other")


@pytest.mark.parametrize("learnable", [True, False])
def test_an_untrained_no_tower_is_refused(tmp_path: Path, mini_arch: str, learnable: bool) -> None:
    model = build(arch_config(mini_arch), learnable_prompt=learnable)
    path = save(tmp_path / "c.pt", model.state_dict())
    with pytest.raises(CheckpointError, match="equals its initialisation"):
        load_clipn(path, mini_arch)
    with torch.no_grad():  # one number is a difference
        (model.prompt_no if learnable else model.ln_final_no.bias).view(-1)[3] += 1e-3
    load_clipn(save(path, model.state_dict()), mini_arch)


@pytest.mark.parametrize("arch", ["roberta-ViT-B-32", "ViT-B-16-SigLIP", "coca_ViT-B-32", "ViTamin-S"])
def test_foreign_text_towers_are_refused_with_the_reason(tmp_path: Path, arch: str) -> None:
    with pytest.raises(ValueError, match=r"CLIPN needs a text tower of open_clip's own kind.*(custom_text|hf_model_name)"):
        load_clipn(tmp_path / "none.pt", arch)


def test_names_in_short_lose_none() -> None:
    assert compact(["b.w", "a.0.w", "a.1.w", "a.2.w", "a.5.w", "a.1.v", "x.3.4.w"]) == ["a.1.v", "a.{0-2,5}.w", "b.w", "x.3.4.w"]


def test_a_quickgelu_twin_is_warned_of() -> None:
    assert "ViT-B-16-quickgelu has the same shapes with QuickGELU" in twin("ViT-B-16")
    assert "ViT-B-16 has the same shapes with the exact GELU" in twin("ViT-B-16-quickgelu")
    assert twin("clipn-tiny") is None
