"""Makes test/images/fixtures: small synthetic images in many encodings, and their pixels by Pillow and torchvision.

Run from the project's root: python models/tests/make_image_fixtures.py
"""

from __future__ import annotations

import base64
import io
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

sys.path.insert(0, "models")
from clipn_models.transform import reference

OUT = Path("test/images/fixtures")
SIZES = [24, 48]


def scene(width: int, height: int, seed: int) -> Image.Image:
    """Smooth colour with edges and some noise: on which resampling kernels differ."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    f = rng.uniform(2, 9, (3, 2))
    waves = np.stack([127 + 110 * np.sin(f[c, 0] * 6.3 * x + f[c, 1] * 6.3 * y + c) for c in range(3)], -1)
    waves[(x - 0.4) ** 2 + (y - 0.3) ** 2 < 0.04] = rng.integers(0, 256, 3)
    return Image.fromarray(np.clip(waves + rng.normal(0, 6, waves.shape), 0, 255).astype(np.uint8))


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    cases: dict[str, tuple[Image.Image, dict]] = {
        "rgb-down.jpg": (scene(97, 71, 1), {"quality": 90}),
        "rgb-down-444.jpg": (scene(120, 160, 2), {"quality": 95, "subsampling": 0}),
        "rgb-progressive.jpg": (scene(150, 64, 3), {"quality": 85, "progressive": True}),
        "rgb-up.jpg": (scene(17, 13, 4), {"quality": 95}),
        "rgb-srgb-profile.jpg": (scene(64, 80, 5), {"quality": 92, "icc_profile": srgb}),
        "grey-down.jpg": (scene(75, 111, 6).convert("L"), {"quality": 92}),
        "grey-up.jpg": (scene(9, 21, 7).convert("L"), {"quality": 92}),
        "rgb-down.png": (scene(99, 61, 8), {}),
        "rgb-exact.png": (scene(24, 24, 9), {}),
        "rgb-up.png": (scene(11, 19, 10), {}),
        "rgb-wide.png": (scene(240, 31, 11), {}),
        "rgb-tall.png": (scene(5, 90, 12), {}),
        # made smaller and more than twice as high as wide, Pillow 13 runs the vertical pass first
        "rgb-tall-down.png": (scene(61, 123, 25), {}),
        "rgb-tall-limit.png": (scene(61, 122, 26), {}),
        "rgb-tallest-down.jpg": (scene(52, 260, 27), {"quality": 92}),
        "grey-tall-down.png": (scene(57, 140, 28).convert("L"), {}),
        "rgb-one-pixel.png": (scene(1, 1, 13), {}),
        "rgb-row.png": (scene(40, 1, 14), {}),
        "rgb-odd.png": (scene(53, 37, 15), {}),
        "grey-down.png": (scene(81, 67, 16).convert("L"), {}),
        "rgb-lossy.webp": (scene(90, 70, 17), {"quality": 90}),
        "rgb-lossless.webp": (scene(65, 93, 18), {"lossless": True}),
        "rgb-up.webp": (scene(15, 15, 19), {"lossless": True}),
        "grey.webp": (scene(70, 50, 20).convert("L"), {"lossless": True}),
    }
    # a profile that changes every colour when it is applied; the reference does not apply it
    odd = odd_profile()
    cases["rgb-odd-profile.jpg"] = (scene(70, 90, 21), {"quality": 92, "icc_profile": odd})
    cases["rgb-odd-profile.png"] = (scene(70, 90, 22), {"icc_profile": odd})
    cases["rgb-odd-profile.webp"] = (scene(70, 90, 23), {"lossless": True, "icc_profile": odd})
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated; the reference does not turn it
    cases["rgb-exif-rotated.jpg"] = (scene(80, 50, 24), {"quality": 92, "exif": exif})
    expected = {}
    for name, (image, options) in cases.items():
        buffer = io.BytesIO()
        image.save(buffer, {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[name.split(".")[1]], **options)
        (OUT / name).write_bytes(buffer.getvalue())
        expected[name] = {str(s): base64.b64encode(reference(OUT / name, s).tobytes()).decode() for s in SIZES}
    (OUT / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    print(f"{len(cases)} images")


def odd_profile() -> bytes:
    """An RGB profile with swapped primaries and gamma 1.0, written by hand (ICC.1:2001 matrix/TRC profile)."""
    import struct

    def xyz(x: float, y: float, z: float) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(v * 65536)) for v in (x, y, z))

    curve = b"curv\0\0\0\0" + struct.pack(">I", 0)
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + b"\0" * 79
    tags = {
        b"desc": text,
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": xyz(0.1431, 0.0606, 0.7141),
        b"gXYZ": xyz(0.4360, 0.2225, 0.0139),
        b"bXYZ": xyz(0.3851, 0.7169, 0.0971),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    table, body, at = b"", b"", 128 + 4 + 12 * len(tags)
    for key, value in tags.items():
        value += b"\0" * (-len(value) % 4)
        table += key + struct.pack(">II", at + len(body), len(value))
        body += value
    size = at + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"none", 0x02100000, b"mntr", b"RGB ", b"XYZ ") + b"\0" * 12 + b"acsp" + b"\0" * 28
    head += struct.pack(">iii", round(0.9642 * 65536), 65536, round(0.8249 * 65536))
    head += b"\0" * (128 - len(head))
    return head + struct.pack(">I", len(tags)) + table + body


if __name__ == "__main__":
    main()
