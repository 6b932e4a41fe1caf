"""Verdicts of files."""

import os
from pathlib import Path

from .api.detect import detect
from .client import AuthenticatedClient, Client
from .gate import GateError, result
from .models import DetectForm, FailedImage, Method, Problem, Verdict
from .types import UNSET, File


def detect_file(
    client: Client | AuthenticatedClient,
    path: str | os.PathLike[str],
    *,
    tenant: str = "demo",
    method: Method | None = None,
) -> Verdict:
    """The verdict on an image file. :raises GateError: for an error of the service or of the image"""
    with open(path, "rb") as payload:
        form = DetectForm(file=[File(payload=payload, file_name=Path(path).name, mime_type="application/octet-stream")])
        reply = result(detect.sync_detailed(client=client, body=form, tenant=tenant, method=method or UNSET))
    (verdict,) = reply.results
    if isinstance(verdict, FailedImage):
        raise GateError(verdict.error.status, Problem.from_dict(verdict.error.to_dict()))
    return verdict
