"""The default's towers, stages and measures, on synthetic data: no photograph and no wheel is needed."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from clipn_models.default import augment, equalise, made, minilm, strange, towers
from clipn_models.default.apart import DRAWS, same_thing, set_apart
from clipn_models.default.cache import TREATMENTS
from clipn_models.default.features import Data, Scaling
from clipn_models.default.kinds import kinds_of
from clipn_models.default.sources import Category, PhotoSet
from clipn_models.default.stage_one import Preset as FirstPreset
from clipn_models.default.stage_one import StageOne
from clipn_models.default.stage_two import Preset as SecondPreset
from clipn_models.default.stage_two import StageTwo, folds
from clipn_models.default.texts import cut


def made_sets() -> dict[str, PhotoSet]:
    sets = {name: PhotoSet(name, [Category((f"{name} thing {i}",)) for i in range(60)]) for name in DRAWS["test"]}
    sets["dogs"].categories = [Category((f"breed {i}",), f"n{i:08d}") for i in range(60)]
    sets["scenes"].categories = [Category((n,)) for n in ("forest", "sea", "street", "glacier")]
    return sets


def data(classes: int = 24, each: int = 12, seed: int = 0) -> Data:
    """Photographs whose pooled features hold the class's text feature, turned and noisy."""
    rng = np.random.default_rng(seed)
    text = torch.nn.functional.normalize(torch.from_numpy(rng.normal(size=(classes + 2, 384))).float(), dim=-1)
    turn = torch.from_numpy(rng.normal(size=(384, 1280))).float()
    label = np.repeat(np.arange(classes), each)
    z = text[label] @ turn * 3 + torch.from_numpy(rng.normal(size=(len(label), 1280))).float()
    conse = torch.nn.functional.normalize(torch.from_numpy(rng.normal(size=(len(label), 384))).float(), dim=-1)
    kind = torch.zeros(classes, 2, dtype=torch.bool)
    kind[: classes // 2, 0] = True
    scale = Scaling(torch.zeros(1280), torch.ones(1280), torch.nn.Linear(1280, 1000), torch.zeros(1000, 384))
    captions = {row: text[[c]].numpy() for row, c in enumerate(label)}
    names = [f"class {i}" for i in range(classes)]
    nouns = torch.nn.functional.normalize(torch.from_numpy(rng.normal(size=(40, 384))).float(), dim=-1)
    made_z = torch.from_numpy(rng.normal(size=(20, 1280))).float()
    made_conse = torch.nn.functional.normalize(torch.from_numpy(rng.normal(size=(20, 384))).float(), dim=-1)
    return Data(z, conse, label, np.array(["a", "b"])[label % 2], names, text[None].repeat(2, 1, 1), kind, nouns, captions, made_z, made_conse, scale)


FIRST = FirstPreset(steps=60, batch=64, captioned=32, nouns=20)


def test_draws_are_disjoint_and_the_same_every_time():
    sets = made_sets()
    one, two = set_apart(sets), set_apart(sets)
    assert one == two
    for name, count in DRAWS["test"].items():
        assert len(one.classes["test"][name]) == count
        assert not set(one.classes["test"][name]) & set(one.classes["choice"][name])


def test_names_with_the_same_meaning_are_set_apart_too():
    apart = set_apart(made_sets())
    name = next(iter(sorted(n for n in apart.names if n.startswith("food"))))
    assert apart.covers(Category((name.upper(),)))
    assert apart.covers(Category(("another name",), next(iter(apart.synsets))))
    assert apart.mentions(f"A photograph of {name}s, taken at noon")
    assert not apart.mentions("an empty street at night")


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("elephant", "African elephant", True),
        ("Elephants", "elephant", True),
        ("pot", "potato", False),
        ("hot dog", "dog", True),
        ("sea lion", "lion fish", False),
    ],
)
def test_same_thing(a, b, same):
    assert same_thing(a, b) is same
    assert same_thing(b, a) is same


def test_kinds_leave_out_names_that_are_set_apart():
    sets = made_sets()
    apart = set_apart(sets)
    names = [c.names[0] for c in sets["food"].categories]
    general, is_kind = kinds_of(sets, apart, names)
    assert "food" in general
    assert is_kind[:, general.index("food")].all()
    assert not {g.lower() for g in general} & {n.lower() for n in apart.names}


def test_the_bars_of_a_letterboxed_photograph_are_removed(tmp_path):
    image = Image.new("RGB", (100, 100), "white")
    image.paste((200, 0, 0), (0, 25, 100, 75))
    image.save(tmp_path / "a.png")
    (tmp_path / "a.json").write_text(json.dumps({"original_width": 400, "original_height": 200}))
    opened = augment.open_photo(tmp_path / "a.png")
    assert opened.size == (100, 50)
    assert np.asarray(opened).reshape(-1, 3).tolist() == [[200, 0, 0]] * 5000


def test_views_depend_on_their_generator_alone():
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 130, 3), dtype=np.uint8))

    def views(seed: int) -> list[np.ndarray]:
        rng = np.random.default_rng(seed)
        return [np.asarray(augment.random_view(augment.worn(image, rng), 64, rng)) for _ in range(20)]

    assert all((a == b).all() for a, b in zip(views(1), views(1), strict=True))
    assert not all((a == b).all() for a, b in zip(views(1), views(2), strict=True))
    for treated in TREATMENTS.values():
        assert augment.centre(treated(image), 64).size == (64, 64)


def test_made_and_strange_pictures_are_pictures_of_every_kind():
    photograph = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8))
    for number in range(14):
        picture = made.made(number, 56, np.random.default_rng(number), photograph)
        assert (picture.size, picture.mode) == ((56, 56), "RGB")
    for kind in strange.KINDS:
        first, second = strange.pictures(kind, 2)
        assert first.mode == "RGB"
        assert (np.asarray(first) == np.asarray(strange.pictures(kind, 1)[0])).all()
        assert np.asarray(first).tobytes() != np.asarray(second).tobytes()


@pytest.fixture(scope="module")
def parts():
    torch.manual_seed(0)
    return {name: part.eval().requires_grad_(False) for name, part in towers.build_graphs().items()}


def test_graphs_give_unit_features_of_the_contract(parts):
    pixels = torch.randint(0, 256, (2, towers.SIZE, towers.SIZE, 3), dtype=torch.uint8)
    parts["image"].names.copy_(torch.randn_like(parts["image"].names))
    for features in (parts["image"](pixels), *(parts[f"text-{t}"](torch.randint(1, 30_000, (3, 7))) for t in ("yes", "no"))):
        assert features.shape[1] == towers.WIDTH
        assert (features.norm(dim=-1) - 1).abs().max() < 1e-5


def test_padding_does_not_change_the_feature_of_a_text(parts):
    tokens = torch.randint(1, 30_000, (2, 6))
    padded = torch.cat([tokens, torch.zeros(2, 9, dtype=torch.int64)], 1)
    for tower in ("yes", "no"):
        assert (parts[f"text-{tower}"](tokens) - parts[f"text-{tower}"](padded)).abs().max() < 1e-6


def test_folded_scaling_computes_the_same():
    layer = torch.nn.Linear(5, 3)
    x, mean, deviation = torch.randn(4, 5) * 3 + 1, torch.randn(5), torch.rand(5) + 0.5
    with torch.no_grad():
        want = layer((x - mean) / deviation)
        towers.fold_scaling(layer, mean, deviation)
        assert (layer(x) - want).abs().max() < 1e-5


def test_equalised_channels_compute_the_same_and_have_one_range():
    torch.manual_seed(1)
    model, images = towers.empty_lite(), torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        want = model.forward_features(images)
        equalise.equalise(model, images)
        assert (model.forward_features(images) - want).abs().max() < 1e-3 * want.abs().max()
        for largest in equalise.ranges(model, images)[:-1]:
            used = largest[largest > 0.1 * largest.max()]
            assert used.max() / used.min() < 1.01


def test_a_long_text_is_truncated_and_keeps_its_end():
    ids = [101, *range(1000, 1100), 102]
    assert len(cut(ids)) == minilm.CONTEXT
    assert cut(ids)[-1] == 102
    assert cut(ids[:10]) == ids[:10]


def test_stage_one_learns_the_names_and_excludes_the_given_classes():
    d = data()
    losses: list[float] = []
    head = StageOne(d, FIRST).run(lambda step, loss: losses.append(loss))
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])
    with torch.no_grad():
        best = (head(d.z, d.conse) @ d.text[0][: len(d.names)].T).argmax(-1).numpy()
    assert (best == d.label).mean() > 0.9
    stage = StageOne(d, FIRST, without=np.array([3, 5, 24]))
    assert not np.isin(d.label[stage.rows], [3, 5]).any()
    assert not np.isin([3, 5, 24], stage.classes).any()


def test_a_more_general_name_is_no_negative_of_what_it_names():
    d = data()
    stage = StageOne(d, FIRST)
    general = len(d.names)
    assert stage.fits[0, stage.place[general]]
    assert not stage.fits[len(d.names) - 1, stage.place[general]]
    assert set(stage.general[0]) == {general}
    assert len(stage.general[len(d.names) - 1]) == 0


def test_stage_two_separates_members_from_others_among_classes_not_used_for_its_heads():
    d = data(each=20)
    preset = SecondPreset(steps=80, classes=12, photographs=4, general=2, made=8)
    parts = folds(d, FIRST, 2, log=lambda _: None)
    assert sorted(np.concatenate([p.unseen for p in parts])) == list(range(d.text.shape[1]))
    losses: list[float] = []
    coordinates, no = StageTwo(d, parts, preset).run(lambda step, loss: losses.append(loss))
    assert np.mean(losses[-10:]) < np.mean(losses[:10])
    with torch.no_grad():
        v = parts[0].v
        image = towers.image_feature(v, coordinates(d.z, v))
        text = d.text[0][: len(d.names)]
        x = image @ no(text).T - image @ towers.yes_feature(text).T
    own = x[torch.arange(len(x)), torch.from_numpy(d.label)]
    assert own.mean() < x.mean()
