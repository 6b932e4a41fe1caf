from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from clipn_models import tokenizer

TOK = tokenizer.train(["a photo of a dog.", "two dogs run on the beach", "it's a school bus"] * 3, 700)


def test_markers_are_the_two_highest_ids() -> None:
    ids = tokenizer.encode(TOK, ["a dog"], 16)[0].tolist()
    assert (ids[0], ids[-1]) == (698, 699)
    assert max(ids) == 699


def test_a_text_that_is_too_long_is_truncated_and_keeps_its_end() -> None:
    rows = tokenizer.encode(TOK, ["dog " * 60, "dog"], 8)
    assert rows.shape == (2, 8)
    assert rows[0, -1] == 699
    assert rows[1].tolist()[-5:] == [0] * 5


@given(st.text(max_size=30))
@settings(max_examples=200, deadline=None)
def test_every_text_has_ids_and_only_one_end(text: str) -> None:
    ids = tokenizer.encode(TOK, [text.replace("<|", "")], 1000)[0].tolist()
    assert ids[0] == 698
    assert ids[-1] == 699
    assert ids.count(699) == 1


def test_case_and_white_space_do_not_matter() -> None:
    a, b = (tokenizer.encode(TOK, [t], 16)[0].tolist() for t in ("A  Photo\tof a DOG", "a photo of a dog"))
    assert a == b


def test_the_same_texts_give_the_same_tokenizer() -> None:
    texts = [f"{a} {b} in the {c}" for a in ("dog", "cat", "owl") for b in ("runs", "sits") for c in ("park", "sea", "snow")]
    assert len({tokenizer.train(texts, 700).to_str() for _ in range(5)}) == 1
