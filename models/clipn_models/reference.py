"""``python -m clipn_models.reference --bundle BUNDLE --classes classes.txt FILE...`` prints one verdict in JSON per photograph.

PyTorch computes it from the bundle's weights, in float64 after the towers. Other implementations are compared with it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from .bundle import TorchBundle, resolve
from .transform import reference
from .verdicts import verdict


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", default="clipn-small")
    parser.add_argument("--classes", type=Path, required=True, help="file with one class name per line")
    parser.add_argument("files", nargs="+")
    args = parser.parse_args()
    bundle = TorchBundle(resolve(args.bundle))
    yes, no = bundle.classes(args.classes.read_text().splitlines())
    for file in args.files:
        feature = bundle.image(reference(file, bundle.manifest["image"]["size"])[None])[0].astype(np.float64)
        print(json.dumps({"file": file, **verdict(feature @ yes.T, feature @ no.T, bundle.manifest["logit_scale"])}))


if __name__ == "__main__":
    main()
