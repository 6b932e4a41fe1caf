"""Small pictures in every format that Pillow opens, written by Pillow or, where it can't, by hand."""

import io
import random
import struct

from PIL import Image

MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I", "F", "CMYK")
OPTIONS = {
    "TGA": ({}, {"compression": "tga_rle"}),
    "TIFF": ({}, {"compression": "tiff_lzw"}, {"big_tiff": True}),
    "PNG": ({},),
    "ICO": ({}, {"bitmap_format": "bmp"}),
    "DDS": ({}, {"pixel_format": "DXT1"}),
}
SIDES = ((1, 1), (2, 3), (8, 8), (16, 9), (40, 30))


def picture(mode, size, black, rng):
    image = Image.new("RGBA", size) if black else Image.frombytes("RGBA", size, rng.randbytes(4 * size[0] * size[1]))
    return image.convert("L").convert(mode) if mode in ("I;16", "I", "F", "LA", "1") else image.convert(mode)


def written(rng):
    Image.init()
    for name in sorted(Image.SAVE):
        if name in ("PDF", "PALM", "BUFR", "GRIB", "HDF5", "WMF", "EPS"):
            continue
        for size in SIDES:
            for mode in MODES:
                for black in (False, True):
                    for options in OPTIONS.get(name, ({},)):
                        out = io.BytesIO()
                        try:
                            picture(mode, size, black, rng).save(out, name, **options)
                        except Exception:
                            continue
                        yield f"{name} {mode} {size[0]}x{size[1]}{' black' if black else ''}", out.getvalue()


def iptc(width, height):
    def field(record, number, data):
        return struct.pack(">BBBH", 0x1C, record, number, len(data)) + data

    head = field(3, 60, b"\1\0") + field(3, 20, bytes([width])) + field(3, 30, bytes([height])) + field(3, 120, b"\1")
    return head + field(8, 10, bytes(width * height))


def by_hand():
    black = bytes(64)
    for width, height in ((1, 1), (2, 2), (4, 4), (8, 8)):
        size = f"{width} {height}".encode()
        numbers = b" 1" * (width * height)
        yield "PBM plain", b"P1 " + size + numbers
        yield "PBM lines", (b"P1 " + size + numbers).replace(b" ", b"\n")
        yield "PGM plain", b"P2 " + size + b" 9" + numbers
        yield "PGM lines", (b"P2 " + size + b" 9" + numbers).replace(b" ", b"\n")
        yield "PBM raw", b"P4 " + size + b"\n" + bytes(height)
        yield "PGM raw", b"P5 " + size + b" 255\n" + black[: width * height]
        yield "PGM letters", b"P5\n" + size.replace(b" ", b"\n") + b"\n90\n" + b"A" * width * height
        yield "XV thumbnail", b"P7 332\n#END_OF_COMMENTS\n" + size + b" 255\n" + black[: width * height]
        yield "IPTC", iptc(width, height)
        yield "IM", b"Image type: L\r\nFile size (no of images): 1\r\nImage size (x*y): %d*%d\r\n" % (width, height) + b"\x1a" + black[: width * height]
        yield "DIB core", struct.pack("<IHHHH", 12, width, height, 1, 8) + bytes(768) + bytes(4 * height * width)
        yield "TGA grey", bytes([0, 0, 3]) + bytes(9) + struct.pack("<HHBB", width, height, 8, 0) + black[: width * height]
        yield "TGA palette", bytes([0, 1, 1, 0, 0, 1, 0, 24]) + bytes(4) + struct.pack("<HHBB", width, height, 8, 0) + black[: 3 + width * height]
        yield "TGA runs", bytes([3, 0, 11]) + bytes(9) + struct.pack("<HHBB", width, height, 8, 0) + b"abc" + bytes([127 + width]) + b"\7" + bytes([127 + width, 9]) * (height - 1)
        core = struct.pack("<IHHHH", 12, width, height * 2, 1, 8) + bytes(768) + bytes(8 * height * width)
        yield "ICO core", struct.pack("<HHHBBBBHHII", 0, 1, 1, width, height, 0, 0, 1, 8, len(core), 22) + core
        yield "GBR", struct.pack(">IIIII", 256, 1, width, height, 1) + bytes(236) + black[: width * height]
        yield "PSD", b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHHIIIH", 1, height, width, 8, 1, 0, 0, 0, 0) + black[: width * height]
        yield "Sun raster", struct.pack(">8I", 0x59A66A95, width, height, 8, 0, 1, 0, 0) + black + black
        yield "MCIDAS", struct.pack(">64I", 0, 4, *([0] * 6), height, width, 1, *([0] * 2), 1, *([0] * 19), 256, *([0] * 30)) + black
        yield "XPM", b'/* XPM */\nstatic char * x[] = {\n"%d %d 1 1",\n"a c #000000",\n' % (width, height) + b",\n".join([b'"' + b"a" * width + b'"'] * height) + b"\n};\n"
        yield "FITS", b"".join(c.ljust(80) for c in (b"SIMPLE  =                    T", b"BITPIX  =                    8", b"NAXIS   =                    2", b"NAXIS1  = %20d" % width, b"NAXIS2  = %20d" % height, b"END")).ljust(2880) + black


def every_format():
    """Name and bytes of every picture that this Pillow opens again; the same on every run."""
    rng = random.Random(7)
    for name, data in [*written(rng), *by_hand()]:
        if len(data) > 20_000:
            continue
        try:
            with Image.open(io.BytesIO(data)) as image:
                image.load()
        except Exception:
            continue
        yield name, data
