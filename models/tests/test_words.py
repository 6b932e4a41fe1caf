"""The word list, made of a small dictionary in WordNet's form, and the one of the repository."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from clipn_models.words.build import build
from clipn_models.words.wordlist import WordList, forms
from clipn_models.words.wordnet import synsets

HERE = Path(__file__).parents[1]
NOUNS = """  1 This software and database is being provided to you
00000001 03 n 01 entity 0 001 ~ 00000002 n 0000 | all
00000002 05 n 02 animal 0 beast 0 002 @ 00000001 n 0000 ~ 00000003 n 0000 | it lives
00000003 05 n 02 dog 0 Canis_familiaris 0 001 @ 00000002 n 0000 | it barks
00000004 05 n 02 Airedale 0 Airedale_terrier 0 001 @ 00000003 n 0000 | a breed
00000005 05 n 01 Lassie 0 001 @i 00000003 n 0000 | one dog
00000006 18 n 02 frump 0 dog 0 001 @ 00000001 n 0000 | a person
00000007 06 n 01 hot_plate 0 001 @ 00000001 n 0000 | it cooks
00000008 27 n 01 acetylphenylhydrazine 0 001 @ 00000001 n 0000 | rare
"""
ADJECTIVES = """00000001 00 a 02 dry(p) 0 arid 0 000 | without water
00000002 01 a 01 canine 0 000 | of dogs
00000003 00 s 01 red 0 000 | a colour
"""


@pytest.fixture
def made(tmp_path: Path) -> WordList:
    (tmp_path / "data.noun").write_text(NOUNS)
    (tmp_path / "data.adj").write_text(ADJECTIVES)
    build(tmp_path, lambda word: max(1, len(word) // 4), tmp_path / "words")
    return WordList(tmp_path / "words")


def test_lines_of_wordnet_are_read_with_lemmas_links_and_instances(tmp_path: Path):
    (tmp_path / "data.noun").write_text(NOUNS)
    found = {s.offset: s for s in synsets(tmp_path / "data.noun")}
    assert len(found) == 8
    assert found[3].lemmas == ("dog", "Canis familiaris")
    assert (found[3].above, found[3].field, found[3].instance) == ((2,), "noun.animal", False)
    assert found[5].instance


def test_the_list_has_no_capitals_no_single_things_no_persons_and_no_rare_words(made: WordList):
    assert made.nouns == ["entity", "animal", "dog", "hot plate"]
    assert made.adjectives == ["dry", "red"]
    assert made.pool == ["dry area", "red creature"]
    assert made.parts == {"nouns": (0, 4), "adjectives": (4, 6), "pool": (6, 8)}


def test_related_words_are_synonyms_superclasses_and_subclasses_in_every_sense(made: WordList):
    assert made.related("dog") == {0, 1, 2}
    assert made.related("Airedale terrier") == {0, 1, 2}
    assert made.related("big dogs (grey)") == {0, 1, 2}
    assert made.related("animals") == {0, 1, 2}
    assert made.related("hot-plate") == {0, 3}
    assert made.related("red") == {5}
    assert made.related("Lassie") == frozenset()
    assert forms("glass") == ["glass"]


def test_the_same_dictionary_gives_the_same_bytes(tmp_path: Path, made: WordList):
    before = (tmp_path / "words/words.txt.gz").read_bytes()
    build(tmp_path, lambda word: max(1, len(word) // 4), tmp_path / "words")
    assert (tmp_path / "words/words.txt.gz").read_bytes() == before


def test_the_list_of_the_repository_is_the_one_that_its_description_names():
    about = WordList(HERE / "words").about
    text = gzip.decompress((HERE / "words/words.txt.gz").read_bytes())
    assert hashlib.sha256(text).hexdigest() == about["sha256"]
    assert 20_000 <= about["nouns"] <= 40_000
    assert "Princeton University" in (HERE / "words/LICENSE").read_text()
