from __future__ import annotations

import json
import os
import signal
import socket
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import processes
import pytest
import torch
import torch.nn.functional as F
from made_pairs import ARCH, COLOURS, Made, caption, picture

from clipn_models import pretrained
from clipn_models.__main__ import parser
from clipn_models.checkpoint import read_state
from clipn_models.losses import clipn_loss
from clipn_models.recipe import PRESETS, prompt_mix, same_thing
from clipn_models.transform import normalise

BRIEF = ("--batch", "32", "--epochs", "2", "--lr", "2e-3", "--log-every", "2")
"""Ten steps."""


def run(made: Made, out: Path, *more: str, data: Path | None = None) -> dict[str, torch.Tensor]:
    """The weights that a run in this process ends with."""
    args = parser().parse_args(made.command(out, "--cache", str(made.root / "cache"), *more, data=data))
    args.run(args)
    return read_state(next(out.glob("epoch_*.pt")))


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.fixture(scope="module")
def whole(made: Made, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, torch.Tensor]]:
    """A run of ten steps without interruption."""
    out = tmp_path_factory.mktemp("whole")
    return out, run(made, out, *BRIEF)


def test_the_recipe_trains_the_no_tower_and_changes_no_other_weight(made: Made, tmp_path: Path) -> None:
    state = run(made, tmp_path, "--batch", "32", "--epochs", "20", "--lr", "2e-3", "--log-every", "10")
    before = read_state(made.checkpoint)
    assert all(torch.equal(state[k], v) for k, v in before.items())
    assert {k.partition(".")[0] for k in state.keys() - before.keys()} == {
        *("transformer_no", "token_embedding_no", "positional_embedding_no", "ln_final_no", "text_projection_no", "prompt_no")
    }
    assert all(not torch.equal(state[k], before[k.replace("_no", "", 1)]) for k in state.keys() - before.keys() if k != "prompt_no")

    model, goes_on = pretrained.load(tmp_path / "epoch_20.pt", str(made.arch))
    assert goes_on
    tokenise, _ = pretrained.load_tokenizer(model, made.tokenizer)
    rng, names = np.random.default_rng(9), list(COLOURS)
    with torch.no_grad():
        pixels = torch.from_numpy(np.stack([picture(c, rng, (32, 32)) for c in names * 5])).permute(0, 3, 1, 2)
        image = F.normalize(model.encode_image(normalise(pixels.float() / 255)), dim=-1)
        yes, no = (F.normalize(model.text_features(tokenise([caption(c, 3) for c in names]), t), dim=-1) for t in ("yes", "no"))
    p_no = torch.sigmoid(100 * image @ (no - yes).T).numpy()
    own = np.eye(8, dtype=bool)[np.arange(40) % 8]
    assert (p_no[own] < 0.5).mean() > 0.9, "a red photograph is not 'not red'"
    assert (p_no[~own] > 0.5).mean() > 0.85

    rows = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    steps = [r for r in rows if r["stage"] == "train"]
    assert [r["step"] for r in steps] == list(range(10, 101, 10))
    assert steps[-1]["total"] < 0.6 * steps[0]["total"]
    assert {"yes", "no", "tso", "total", "lr", "epoch", "images_per_s", "eta_s"} <= steps[0].keys()
    assert steps[-1]["lr"] < steps[0]["lr"] <= 2e-3


def test_the_final_file_is_the_official_format(made: Made, whole: tuple[Path, dict]) -> None:
    content = torch.load(whole[0] / "epoch_2.pt", weights_only=True)
    assert set(content) == {"epoch", "name", "state_dict", "optimizer"}
    assert content["epoch"] == 2
    assert len(content["optimizer"]["state"]) == sum(k.partition(".")[0].endswith("_no") for k in content["state_dict"])
    decay = [(g["weight_decay"], len(g["params"])) for g in content["optimizer"]["param_groups"]]
    assert [d for d, _ in decay] == [0.0, 0.2]
    assert all(g["betas"] == (0.9, 0.98) and g["eps"] == 1e-6 for g in content["optimizer"]["param_groups"])


def test_equal_seeds_give_equal_weights(made: Made, whole: tuple[Path, dict], tmp_path: Path) -> None:
    assert equal(run(made, tmp_path / "same", *BRIEF), whole[1])
    assert not equal(run(made, tmp_path / "other", *BRIEF, "--seed", "1"), whole[1])


class Cut(Exception):
    pass


def test_an_interrupted_run_continues_bit_for_bit(made: Made, whole: tuple[Path, dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from clipn_models.recipe import Recipe

    step = Recipe.one_step

    def until_seven(self: Recipe) -> dict[str, float]:
        if self.step == 7:
            raise Cut
        return step(self)

    monkeypatch.setattr(Recipe, "one_step", until_seven)
    with pytest.raises(Cut):
        run(made, tmp_path, *BRIEF, "--checkpoint-every", "3")
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 6
    monkeypatch.setattr(Recipe, "one_step", step)
    assert equal(run(made, tmp_path, *BRIEF, "--checkpoint-every", "3"), whole[1])
    rows = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    assert [r["step"] for r in rows if r["stage"] == "train"] == [2, 4, 6, 8, 10]


def test_killed_and_interrupted_runs_end_with_the_result_of_an_uninterrupted_one(made: Made, tmp_path: Path) -> None:
    """kill -9 while features are computed, kill -9 in the middle of training, Ctrl-C, and the end."""
    length = ("--batch", "32", "--epochs", "30")
    many = (*length, "--checkpoint-every", "1", "--log-every", "1")
    out, said, checkpoint = tmp_path / "run", tmp_path / "said", tmp_path / "run" / "checkpoint.pt"

    def start() -> BaseProcess:
        return processes.start(made.command(out, *many), said)

    process = start()
    processes.wait_until(lambda: (out / "features").exists(), process, said)
    processes.kill(process)
    process = start()
    processes.wait_until(checkpoint.exists, process, said)
    processes.kill(process)
    saved = torch.load(checkpoint, weights_only=True)["step"]
    assert 0 < saved < 150
    os.link(checkpoint, tmp_path / "before.pt")
    process = start()
    processes.wait_until(lambda: not os.path.samefile(checkpoint, tmp_path / "before.pt"), process, said)
    os.kill(process.pid, signal.SIGINT)
    process.join(processes.PATIENCE)
    assert process.exitcode == 130
    assert f"continuing from step {saved} of 150" in said.read_text()
    assert "the same command continues from" in said.read_text()
    assert not list(out.glob("epoch_*.pt"))
    assert equal(run_without_cache(made, out, *many), run_without_cache(made, tmp_path / "whole", *length))


def run_without_cache(made: Made, out: Path, *more: str) -> dict[str, torch.Tensor]:
    args = parser().parse_args(made.command(out, *more))
    args.run(args)
    return read_state(out / "epoch_30.pt")


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def farthest(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    """Largest difference of any weight. Biases of attention's keys shift all scores of a query alike, so their gradient is
    zero but for rounding, which Adam blows up to steps: they differ freely, and no output does."""
    compared = all_but_keys(a)
    return max(float((a[k] - b[k])[compared.get(k, ...)].abs().max()) for k in a)


def all_but_keys(state: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """{in_proj_bias: the entries of queries and values}"""
    return {k: np.r_[0 : len(v) // 3, 2 * len(v) // 3 : len(v)] for k, v in state.items() if k.endswith("in_proj_bias")}


def test_two_processes_give_the_result_of_one(made: Made, tmp_path: Path) -> None:
    """Gloo on the CPU; features too are computed by both, from shard and table together."""
    both = ("--data", str(made.shard))
    torchrun = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}  # the environment that it sets for its processes
    said = [tmp_path / "said-0", tmp_path / "said-1"]
    call = made.command(tmp_path / "two", *BRIEF, *both)
    pair = [processes.start(call, said[r], **torchrun, RANK=str(r), LOCAL_RANK=str(r)) for r in range(2)]
    for process in pair:
        process.join(processes.PATIENCE)
    assert [p.exitcode for p in pair] == [0, 0], "".join(f.read_text() for f in said)
    args = parser().parse_args(made.command(tmp_path / "one", *BRIEF, *both))
    args.run(args)
    one, two = read_state(tmp_path / "one" / "epoch_2.pt"), read_state(tmp_path / "two" / "epoch_2.pt")
    assert farthest(pretrained.load(made.checkpoint, str(made.arch))[0].state_dict(), one) > 1e-2
    assert farthest(one, two) < 1e-5
    assert "step 20/20" in said[0].read_text()
    assert not said[1].read_text(), "one process speaks"


def test_few_and_partly_broken_pairs(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Shards by braces, a table with rows that lead nowhere, and less than one batch of the preset in all."""
    (tmp_path / "more.csv").write_text("filepath,title\ngone.png,a photo of nothing\nalso-gone.png,nothing\n")
    run(made, tmp_path / "out", "--epochs", "1", "--data", str(tmp_path / "more.csv"), data=made.root / "pairs-{000..000}.tar")
    said = capsys.readouterr().out
    assert "160 pairs of 162 are usable" in said
    assert "skipped 2 broken pairs: 2 image file missing; such as gone.png, also-gone.png" in said
    assert "fewer pairs than a batch of the preset: 160 per batch" in said
    rows = [json.loads(line) for line in (tmp_path / "out" / "train.jsonl").read_text().splitlines()]
    assert {"stage": "features", "broken": {"image file missing": 2}, "such_as": ["gone.png", "also-gone.png"]} in rows
    assert rows[-1]["step"] == rows[-1]["of"] == 1


def test_strict_makes_negatives_of_equal_captions(made: Made, tmp_path: Path) -> None:
    """Twenty photographs of each colour and one caption: in the strict form nearly every batch says that red is not red."""
    lines = made.table.read_text().splitlines()
    repeated = made.root / "repeated.csv"
    repeated.write_text("\n".join([lines[0], *(line.rpartition(" ")[0] + " aa" for line in lines[1:])]) + "\n")
    more = ("--batch", "32", "--epochs", "10", "--lr", "2e-3", "--log-every", "50")
    ends = []
    for name, strict in (("plain", ()), ("strict", ("--strict",))):
        run(made, tmp_path / name, *more, *strict, data=repeated)
        ends.append(json.loads((tmp_path / name / "train.jsonl").read_text().splitlines()[-1]))
    assert ends[1]["yes"] > 1.5 * ends[0]["yes"]


def test_pieces_change_nothing_but_memory(made: Made, whole: tuple[Path, dict], tmp_path: Path) -> None:
    state = run(made, tmp_path, *BRIEF, "--texts-at-once", "7")
    assert farthest(state, whole[1]) < 1e-5


def test_bfloat16_learns_too(made: Made, whole: tuple[Path, dict], tmp_path: Path) -> None:
    state = run(made, tmp_path, *BRIEF, "--precision", "bf16")
    assert all(v.isfinite().all() for v in state.values())
    assert 0 < farthest(state, whole[1]) < 0.02


def test_equal_captions_and_photographs_are_no_negatives() -> None:
    ids = torch.tensor([[1, 5], [2, 6], [1, 7], [3, 6]])
    want = torch.zeros(4, 4, dtype=torch.bool)
    want[0, 2] = want[2, 0] = want[1, 3] = want[3, 1] = True
    assert torch.equal(same_thing(ids), want)
    image, yes, no = (F.normalize(torch.randn(4, 8, generator=torch.Generator().manual_seed(s)), dim=-1) for s in range(3))
    assert clipn_loss(image, yes, no, 10.0)["no"] != clipn_loss(image, yes, no, 10.0, ignore=same_thing(ids))["no"]


def test_prompts_are_one_of_sixteen_or_their_mean() -> None:
    prompts = torch.randn(16, 5)
    got = prompt_mix(np.array([0, 15, 16])) @ prompts
    assert torch.equal(got[:2], prompts[[0, 15]])
    assert torch.allclose(got[2], prompts.mean(0))


def test_the_preset_is_the_published_schedule() -> None:
    p = PRESETS["clipn"]
    assert (p.epochs, p.batch, p.lr, p.betas, p.eps, p.weight_decay, p.crop) == (10, 2048, 3e-4, (0.9, 0.98), 1e-6, 0.2, (0.9, 1.0))


def test_training_of_a_clipn_continues_from_its_own_no_tower(made: Made, whole: tuple[Path, dict], tmp_path: Path) -> None:
    first, goes_on = pretrained.load(whole[0] / "epoch_2.pt", str(made.arch))
    assert goes_on
    assert equal({k: v for k, v in first.state_dict().items()}, whole[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--arch": "no-such-arch"}, "unknown architecture 'no-such-arch'"),
        ({"--arch": "deeper"}, r"(?s)does not match .*deeper\.json:.*missing: transformer\.resblocks\.2\."),
        ({"--arch": "wider"}, r"(?s)does not match .*wider\.json:.*\[16, 32\] instead of \[16, 64\]: positional_embedding"),
        ({"--arch": "ViT-B-16-SigLIP"}, "CLIPN needs a text tower of open_clip's own kind"),
        ({"--checkpoint": "gone.pt"}, "no such file"),
        ({"--data": "gone.csv"}, "no such file"),
        ({"--batch": "161"}, "needs at least as many pairs, and two; there are 160"),
        ({"--device": "cuda"}, "finds no CUDA device"),
    ],
)
def test_refusals_name_the_fault(made: Made, tmp_path: Path, change: dict[str, str], message: str) -> None:
    if "--device" in change and torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    for name, text in (("deeper", {"layers": 3}), ("wider", {"width": 64})):
        (tmp_path / f"{name}.json").write_text(json.dumps({**ARCH, "text_cfg": {**ARCH["text_cfg"], **text}}))
    call = made.command(tmp_path, "--cache", str(made.root / "cache"))
    for option, value in change.items():
        value = str(tmp_path / f"{value}.json") if (tmp_path / f"{value}.json").exists() else value
        if option in call:
            call[call.index(option) + 1] = value
        else:
            call += [option, value]
    args = parser().parse_args(call)
    with pytest.raises(SystemExit, match=message):
        args.run(args)


def test_a_tokenizer_must_fit(made: Made) -> None:
    model, _ = pretrained.load(made.checkpoint, str(made.arch))
    with pytest.raises(ValueError, match="name its own with --tokenizer"):
        pretrained.load_tokenizer(model, None)


def test_another_run_in_the_same_directory_is_refused(made: Made, whole: tuple[Path, dict], tmp_path: Path) -> None:
    run(made, tmp_path, *BRIEF)
    with pytest.raises(SystemExit, match=r"is of a run with lr 0\.002, now 0\.001: give the same options"):
        run(made, tmp_path, *BRIEF[:4], "--lr", "1e-3")
