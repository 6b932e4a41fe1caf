"""A client that retries, and errors with the code of the service."""

from typing import TypeVar

import httpx

from .client import AuthenticatedClient, Client
from .models import Problem
from .retry import RetryTransport
from .types import Response

T = TypeVar("T")


class GateError(Exception):
    """An error that the service has answered. `code` is stable: see docs/api.md of the service."""

    def __init__(self, status: int, problem: Problem | None):
        self.status = status
        self.problem = problem
        self.code = problem.code if problem else "unknown"
        super().__init__(f"{self.code} ({status}): {problem.detail if problem else 'the answer is no problem document'}")


def gate_client(
    base_url: str, api_key: str | None = None, *, timeout: float = 60, transport: httpx.BaseTransport | None = None
) -> Client | AuthenticatedClient:
    """A client of the service at `base_url` for the functions in `api`. It repeats refused requests (`RetryTransport`)."""
    options = {
        "base_url": base_url,
        "timeout": httpx.Timeout(timeout),
        "httpx_args": {"transport": transport or RetryTransport()},
    }
    return AuthenticatedClient(token=api_key, **options) if api_key else Client(**options)


def result(response: "Response[T | Problem]") -> T:
    """The value of an answer of `sync_detailed`. :raises GateError: for an error of the service"""
    if response.status_code >= 400:
        raise GateError(int(response.status_code), response.parsed if isinstance(response.parsed, Problem) else None)
    return response.parsed
