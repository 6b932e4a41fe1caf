"""Repeats refused requests, where a repetition is safe, after the time that the service names."""

import email.utils
import re
import time
from collections.abc import Callable

import httpx

RETRIED = (429, 503)
REPEATABLE = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}
# requests with POST that change nothing: verdicts, checks and lists
CHANGES_NOTHING = re.compile(r"/v1/detect$|/v1/tenants/[^/]+/check$|/v2/models/.+/infer$|/v2/repository/index$")


def is_repeatable(request: httpx.Request) -> bool:
    """Whether a second request does the same as one. A condition may no longer hold after the first, so such a request is not repeated."""
    if "if-match" in request.headers or "if-none-match" in request.headers:
        return request.method in ("GET", "HEAD")
    if request.method == "POST":
        return CHANGES_NOTHING.search(request.url.path) is not None
    return request.method in REPEATABLE


def wait_of(response: httpx.Response) -> float | None:
    """Seconds of the header Retry-After, which is a number or a date; None without it."""
    value = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", value):
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


class RetryTransport(httpx.BaseTransport):
    """
    A transport of httpx that sends a request again when the answer is 429 or 503 with Retry-After.

    :param tries: most requests for one call
    :param longest_wait: seconds that all waits of a call may take together; an answer that asks for more is returned
    """

    def __init__(
        self,
        inner: httpx.BaseTransport | None = None,
        *,
        tries: int = 4,
        longest_wait: float = 60,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self._inner = inner or httpx.HTTPTransport()
        self._tries = tries
        self._longest_wait = longest_wait
        self._sleep = sleep

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        left = self._longest_wait
        repeatable = is_repeatable(request)
        if repeatable:
            # kept, so that a body from a stream can be sent again
            request.read()
        for attempt in range(1, self._tries + 1):
            response = self._inner.handle_request(request)
            if not repeatable or attempt == self._tries or response.status_code not in RETRIED:
                break
            wait = wait_of(response)
            if wait is None or wait > left:
                break
            response.close()
            left -= wait
            self._sleep(wait)
        return response

    def close(self) -> None:
        self._inner.close()
