"""A real server that answers with every value that its framework finds in a request. Call it with the name of the framework; it prints its port."""

import asyncio
import base64
import json
import socket
import sys

NAME = sys.argv[1]


def answer(values):
    """Names and bytes of values as JSON; text is encoded as UTF-8."""
    pairs = [(NAME, v.encode("utf-8", "surrogateescape") if isinstance(v, str) else bytes(v)) for v in values]
    return json.dumps([[name, base64.b64encode(value).decode()] for name, value in pairs]).encode()


def with_body(content_type, body, values):
    """No server uses a whole form as one value."""
    return values if (content_type or "").lower().startswith("multipart/form-data") else [body, *values]


def wsgi(application):
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, application, threaded=True)
    print(server.port, flush=True)
    server.serve_forever()


def flask():
    from flask import Flask, Response, request

    app = Flask("server")

    @app.route("/<path:_>", methods=["POST"])
    def every(_):
        body = request.get_data()
        values = [*request.form.values(), *(v for vs in request.form.listvalues() for v in vs)]
        values += [file.read() for files in request.files.listvalues() for file in files]
        values += request.args.values()
        return Response(answer(with_body(request.content_type, body, values)), mimetype="application/json")

    wsgi(app)


def django():
    import django as framework
    from django.conf import settings
    from django.http import HttpResponse
    from django.urls import re_path

    def every(request):
        body = request.body
        values = [v for vs in request.POST.lists() for v in vs[1]]
        values += [file.read() for files in request.FILES.lists() for file in files[1]]
        return HttpResponse(answer(with_body(request.content_type, body, values)), content_type="application/json")

    urls = type(sys)("urls")
    urls.urlpatterns = [re_path("", every)]
    sys.modules["urls"] = urls
    settings.configure(ALLOWED_HOSTS=["*"], DEFAULT_CHARSET="utf-8", SECRET_KEY="x", ROOT_URLCONF="urls", MIDDLEWARE=[])
    framework.setup()
    from django.core.handlers.wsgi import WSGIHandler

    wsgi(WSGIHandler())


def starlette():
    import uvicorn
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    async def every(request):
        body = await request.body()
        form = await request.form()
        values = [v if isinstance(v, str) else await v.read() for _, v in form.multi_items()]
        return Response(answer(with_body(request.headers.get("content-type"), body, values)), media_type="application/json")

    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    app = Starlette(routes=[Route("/{path:path}", every, methods=["POST"])])
    uvicorn.Server(uvicorn.Config(app, log_level="critical")).run(sockets=[listening])


def aiohttp():
    from aiohttp import web

    async def every(request):
        kind = request.content_type
        body = b"" if kind.startswith("multipart/") else await request.read()
        form = await request.post()
        values = [v if isinstance(v, (str, bytes, bytearray)) else v.file.read() for v in form.values()]
        return web.Response(body=answer(with_body(kind, body, values)), content_type="application/json")

    async def serve():
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/{path:.*}", every)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(serve())


{"flask": flask, "django": django, "starlette": starlette, "aiohttp": aiohttp}[NAME]()
