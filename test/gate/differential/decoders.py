"""Decoders of encodings other than base64, as Python's libraries have them, for texts and parsed JSON."""

import base64
import binascii
import gzip
import quopri
import re
import zlib

Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
PYTHON85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
TO_PYTHON85 = str.maketrans(Z85, PYTHON85)
NUMBER = re.compile(r"(?:0x|\\x|%|&#x?|\\)?([0-9a-fA-F]+)")
SPELLED = re.compile(r"[0-9a-fA-FxX\\%&#\s,;:|/_-]*")
PACKED = (gzip.decompress, zlib.decompress, lambda b: zlib.decompress(b, -15))


def padded(text):
    return text + "=" * (-len(text) % 8)


def uu(text):
    lines = text.split("\n")
    if lines[0].startswith("begin "):
        lines = lines[1:]
    decoded = []
    for line in lines:
        try:
            decoded.append(binascii.a2b_uu(line))
        except binascii.Error:
            break
    return b"".join(decoded)


def numbers(text, base):
    if not SPELLED.fullmatch(text):
        return b""
    found = NUMBER.findall(text)
    values = [int(n, base) for n in found]
    return bytes(values) if all(v < 256 for v in values) else b""


DECODERS = (
    lambda t: base64.a85decode(t, adobe=t.startswith("<~")),
    base64.b85decode,
    lambda t: base64.b85decode(t.translate(TO_PYTHON85)),
    lambda t: base64.b32decode(padded(t), casefold=True),
    lambda t: base64.b32hexdecode(padded(t), casefold=True),
    lambda t: bytes.fromhex(t),
    lambda t: bytes.fromhex(t.removeprefix("0x").removeprefix("\\x")),
    lambda t: bytes.fromhex("".join(NUMBER.findall(t))) if SPELLED.fullmatch(t) else b"",
    uu,
    lambda t: quopri.decodestring(t.encode("latin1")),
    lambda t: numbers(t, 10),
    lambda t: numbers(t, 8),
    lambda t: numbers(t, 2),
    lambda t: int(t, 2).to_bytes(len(t) // 8, "big"),
)


def others_of(text):
    """The bytes that other decoders make of a text."""
    if len(text) < 24 or len(text) > 60_000:
        return
    for decode in DECODERS:
        try:
            value = decode(text)
        except Exception:
            continue
        if value:
            yield value


def unpacked(value):
    # the gate does not unpack less; as the documents state
    if len(value) < 24:
        return
    for unpack in PACKED:
        try:
            plain = unpack(value)
        except Exception:
            continue
        if len(plain) >= 32:
            yield plain


def spread(document):
    """The bytes that are spread over an array of strings or an object of numbers."""
    if isinstance(document, dict) and len(document) >= 8:
        values = list(document.values())
        if all(type(v) is int and 0 <= v < 256 for v in values):
            yield bytes(values)
    if isinstance(document, list) and len(document) >= 2 and all(isinstance(v, str) for v in document):
        joined = "".join(document)
        yield joined
        for base in (16, 10):
            try:
                yield bytes(int(v, base) for v in document)
            except ValueError:
                pass
