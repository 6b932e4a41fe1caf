"""Reads request bodies as servers in Python do, and reports which of the values in them Pillow opens as an image.

A request is four bytes of length (big endian) and JSON; so is the answer. The length of both is bounded by the bodies' size.
"""

import asyncio
import base64
import email
import hashlib
import io
import json
import struct
import sys
import urllib.parse
import warnings

import aiohttp
import django
import json5
import python_multipart
from aiohttp.base_protocol import BaseProtocol
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from PIL import Image
from starlette.requests import Request as StarletteRequest
from werkzeug.wrappers import Request as WerkzeugRequest

import decoders
import pictures

warnings.simplefilter("ignore")
settings.configure(ALLOWED_HOSTS=["*"], DEFAULT_CHARSET="utf-8", SECRET_KEY="x")
django.setup()
LOOP = asyncio.new_event_loop()
asyncio.set_event_loop(LOOP)
MAX_LAYERS = 4
MAX_VALUES = 20_000


def environ(headers, body):
    env = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/", "SERVER_NAME": "x", "SERVER_PORT": "80", "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)),
    }  # fmt: skip
    for name, value in headers:
        if name.lower() == "content-type":
            env["CONTENT_TYPE"] = value
    return env


def of_werkzeug(headers, body):
    request = WerkzeugRequest(environ(headers, body))
    for _, value in request.form.items(multi=True):
        yield value
    for _, file in request.files.items(multi=True):
        yield file.read()


def of_django(headers, body):
    request = WSGIRequest(environ(headers, body))
    for values in request.POST.lists():
        yield from values[1]
    for files in request.FILES.lists():
        for file in files[1]:
            yield file.read()


def of_starlette(headers, body):
    raw = [(n.lower().encode("latin1"), v.encode("latin1")) for n, v in headers]

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def read():
        form = await StarletteRequest({"type": "http", "method": "POST", "headers": raw}, receive).form()
        return [v if isinstance(v, str) else await v.read() for _, v in form.multi_items()]

    return LOOP.run_until_complete(read())


def of_python_multipart(headers, body):
    values = []

    def on_file(file):
        file.file_object.seek(0)
        values.append(file.file_object.read())

    raw = {n.title(): v.encode("latin1") for n, v in headers}
    raw["Content-Length"] = str(len(body)).encode()
    try:
        python_multipart.parse_form(raw, io.BytesIO(body), lambda field: values.append(field.value), on_file)
    except Exception:  # what was read until then counts
        pass
    return values


def of_aiohttp(headers, body):
    async def parts(reader):
        values = []
        try:
            while (part := await reader.next()) is not None:
                if isinstance(part, aiohttp.MultipartReader):
                    values += await parts(part)
                else:
                    values.append(bytes(await part.read(decode=True)))
        except Exception:
            pass
        return values

    async def read():
        stream = aiohttp.StreamReader(BaseProtocol(LOOP), 1 << 24, loop=LOOP)
        stream.feed_data(body)
        stream.feed_eof()
        return await parts(aiohttp.MultipartReader({n.title(): v for n, v in headers}, stream))

    return LOOP.run_until_complete(read())


def of_email(headers, body):
    head = "".join(f"{n}: {v}\r\n" for n, v in headers if n.lower() == "content-type").encode("latin1")
    for part in email.message_from_bytes(head + b"\r\n" + body).walk():
        value = part.get_payload(decode=True)
        if value:
            yield value


PARSERS = {
    "Werkzeug": of_werkzeug, "Django": of_django, "Starlette": of_starlette, "python-multipart": of_python_multipart,
    "aiohttp": of_aiohttp, "email": of_email,
}  # fmt: skip


def texts_of(value):
    """The texts that a JSON parser would be given."""
    if isinstance(value, str):
        yield value
        return
    for encoding in ("utf-8-sig", json.detect_encoding(value), "utf-16", "latin1"):
        try:
            yield value.decode(encoding)
        except UnicodeError:
            pass


def documents_of(text):
    for parse in (json.loads, json5.loads):
        if parse is json5.loads and (len(text) > 4000 or not text.lstrip()[:1] in ("{", "[", "/", "'")):
            continue
        try:
            return [parse(text)]
        except Exception:
            pass
    found = []
    for line in text.splitlines() if text.count("\n") < 100 else ():
        if line[:1] in '{["':
            try:
                found.append(json.loads(line))
            except Exception:
                pass
    return found


def leaves_of(document):
    """Strings, names, and arrays of integers as bytes."""
    yield from decoders.spread(document)
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict):
        for name, value in document.items():
            yield name
            yield from leaves_of(value)
    elif isinstance(document, list):
        if len(document) >= 8 and all(type(v) in (int, float) and -128 <= v <= 255 and v == int(v) for v in document):
            yield bytes(int(v) & 255 for v in document)
        for value in document:
            if isinstance(value, (str, list, dict)):
                yield from leaves_of(value)


def base64_of(text):
    """The bytes that lenient decoders make of a text: Python's, the URL-safe one, Node's."""
    raw = text.encode("utf-8", "ignore") if isinstance(text, str) else text
    starts = {raw}
    if b"," in raw[:200]:
        starts.add(raw.split(b",", 1)[1])
        starts.add(raw.rsplit(b",", 1)[1])
    for source in starts:
        node = source.translate(bytes.maketrans(b"-_", b"+/")).split(b"=", 1)[0]
        node = bytes(c for c in node if chr(c).isalnum() and c < 128 or c in b"+/")
        for candidate, decode in (
            (source, base64.b64decode),
            (source + b"=" * (-len(source.strip()) % 4), base64.b64decode),
            (source + b"==", base64.urlsafe_b64decode),
            (node[: len(node) - (len(node) % 4 == 1)] + b"==", base64.b64decode),
        ):
            try:
                yield decode(candidate)
            except Exception:
                pass


def opened(value):
    """Format and a hash of the pixels if Pillow opens the bytes; None otherwise."""
    if len(value) < 7:
        return None
    try:
        with Image.open(io.BytesIO(value)) as image:
            if image.width * image.height > 4_000_000:
                return None
            image.load()
            pixels = hashlib.sha256(f"{image.mode}{image.size}".encode() + image.tobytes()).hexdigest()
            return image.format, pixels
    except Exception:
        return None


def pictures_in(values):
    """Every picture in some values, with what led to it."""
    seen, found = set(), []
    queue = [(name, value, 0) for name, value in values]
    while queue and len(seen) < MAX_VALUES:
        name, value, layer = queue.pop()
        if not value or (value, layer > 0) in seen:
            continue
        seen.add((value, layer > 0))
        raw = value if isinstance(value, bytes) else None
        # bytes that a server has replaced are lost
        if raw is None and "\ufffd" in value:
            continue
        for candidate in [raw] if raw is not None else [value.encode("latin1", "ignore"), value.encode("utf-8", "ignore")]:
            image = opened(candidate)
            if image:
                found.append({"by": name, "format": image[0], "pixels": image[1], "sha256": hashlib.sha256(candidate).hexdigest(), "bytes": candidate[:64].hex()})
                break
        if layer >= MAX_LAYERS:
            continue
        known = False
        for text in texts_of(value):
            for document in documents_of(text):
                known = known or isinstance(document, (dict, list))
                queue += [(f"{name} > JSON", leaf, layer + 1) for leaf in leaves_of(document)]
        # no server decodes a whole JSON document as base64
        if not known and (isinstance(value, str) or raw[:1].isascii()):
            queue += [(f"{name} > base64", decoded, layer + 1) for decoded in base64_of(value)]
            text = value if isinstance(value, str) else value.decode("latin1")
            queue += [(f"{name} > other", decoded, layer + 1) for decoded in decoders.others_of(text)]
        if raw is not None:
            queue += [(f"{name} > packed", plain, layer + 1) for plain in decoders.unpacked(raw)]
    return found


def answer(message):
    if message.get("pictures"):
        return {"pictures": [{"name": n, "base64": base64.b64encode(b).decode()} for n, b in pictures.every_format()]}
    headers = message["headers"]
    body = base64.b64decode(message["body"])
    types = " ".join(v for n, v in headers if n.lower() == "content-type").lower()
    # no server decodes a whole form
    values = [] if types.startswith("multipart/form-data") else [("body", body)]
    if "multipart" in types or "urlencoded" in types or "boundary" in types:
        for name, parser in PARSERS.items():
            try:
                values += [(name, v) for v in parser(headers, body)]
            except Exception:
                pass
    if "urlencoded" in types:
        values += [("parse_qs", v) for _, v in urllib.parse.parse_qsl(body.decode("latin1"), keep_blank_values=True)]
    values += [(name, base64.b64decode(value)) for name, value in message["values"]]
    judged = [base64.b64decode(j) for j in message["judged"]]
    hashes = {hashlib.sha256(j).hexdigest() for j in judged}
    found = pictures_in(values)
    unjudged = [f for f in found if f["sha256"] not in hashes]
    if unjudged:
        pixels = {o[1] for o in map(opened, judged) if o}
        unjudged = [f for f in unjudged if f["pixels"] not in pixels]
    return {"opened": len(found), "unjudged": unjudged, "parsers": sorted({n.split(" ")[0] for n, _ in values})}


while head := sys.stdin.buffer.read(4):
    reply = json.dumps(answer(json.loads(sys.stdin.buffer.read(struct.unpack(">I", head)[0])))).encode()
    sys.stdout.buffer.write(struct.pack(">I", len(reply)) + reply)
    sys.stdout.buffer.flush()
