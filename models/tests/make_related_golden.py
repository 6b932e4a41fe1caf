"""Writes test/fixtures/related.json: words that are related to some class names. PYTHONPATH=. python tests/make_related_golden.py"""

import json
from pathlib import Path

from clipn_models.words.wordlist import WordList

ROOT = Path(__file__).parents[2]
NAMES = (
    *("beagle", "Golden Delicious apple", "Audi S5 Convertible 2012", "wire-haired fox terrier", "strawberries", "glass", "hot-dog", "iPod"),
    *("Joshua tree", "harvestman", "Snoopy, the cartoon dog", "slot", "red", "shrimp and grits", "buses", "", "new york"),
)

if __name__ == "__main__":
    words = WordList(ROOT / "models/words")
    found = {name: sorted(words.related(name)) for name in NAMES}
    (ROOT / "test/fixtures/related.json").write_text(json.dumps({"id": words.about["sha256"], "related": found}, separators=(",", ":")) + "\n")
