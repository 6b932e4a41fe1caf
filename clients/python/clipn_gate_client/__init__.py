"""Client of clipn-gate. The modules of `api` and `models` are generated from the OpenAPI document of the service."""

from .client import AuthenticatedClient, Client
from .errors import UnexpectedStatus
from .files import detect_file
from .gate import GateError, gate_client, result
from .retry import RetryTransport

__all__ = [
    "AuthenticatedClient",
    "Client",
    "GateError",
    "RetryTransport",
    "UnexpectedStatus",
    "detect_file",
    "gate_client",
    "result",
]
