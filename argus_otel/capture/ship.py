"""
One encoded request -> an OTLP/HTTP receiver, once: no retry, no spool.

A proxy of the environment is used, but never to reach this machine itself; no redirect is followed, as it would carry
the session and the token to a host that nobody named.
"""

from __future__ import annotations

import email.utils
import gzip
import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING

from argus_otel.capture.errors import ReceiverFailedError, RefusedError, RejectedError, ShipError, TokenRefusedError

if TYPE_CHECKING:
    from typing import Any

    from argus_otel.capture.settings import ShipSettings

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_ANSWER_BYTES_MAX = 64 * 1024
_TOKEN_REFUSED = (401, 403)
# 404 and a redirect: an address may be put right. The rest is OTLP's own list.
_RETRYABLE = frozenset({404, 408, 429, 502, 503, 504})


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def ship(body: bytes, settings: ShipSettings) -> None:
    """
    POST the body of an ExportTraceServiceRequest in OTLP-JSON; returns once the receiver acknowledged all of it.

    Raises:
        RejectedError: it took all but some records, which it never will.
        RefusedError: it took nothing and never will.
        ReceiverFailedError: it failed over it.
        TokenRefusedError: it does not take this token.
        ShipError: any other reason; retryable.
    """
    url = f"{settings.endpoint}/v1/traces"
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    if settings.token:
        headers["Authorization"] = f"Bearer {settings.token}"
    shown = _without_password(url)
    try:
        request = urllib.request.Request(url, gzip.compress(body, 6), headers)  # noqa: S310 - settings allow http(s) only
        with _opener(url).open(request, timeout=settings.timeout_s) as answer:
            rejected = _rejected_count(answer.read(_ANSWER_BYTES_MAX))
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(shown, error) from error
    except http.client.HTTPException as error:
        raise ShipError(f"{shown} answers no HTTP: is it the port of OTLP/gRPC? OTLP/HTTP has its own, 4318") from error
    except (OSError, ValueError) as error:  # a wait that timed out, a refused connection, a URL or token of odd bytes
        raise ShipError(
            f"{shown} was not reached: {why_not(error)}: is the service running, is the endpoint right?"
        ) from error
    if rejected:
        raise RejectedError(f"{shown} rejected {rejected} records for good", rejected)


def _refusal(url: str, error: urllib.error.HTTPError) -> ShipError:
    status = error.code
    hint = "is this an OTLP/HTTP receiver?" if status == 404 else "look at its log, or at the token"
    message = f"{url} answered {status} {error.reason}: {hint}"
    if status in _TOKEN_REFUSED:
        return TokenRefusedError(message)
    if status in _RETRYABLE or status < 400:
        return ShipError(message, _seconds(error.headers.get("Retry-After")))
    return RefusedError(message) if status < 500 else ReceiverFailedError(message)


def _seconds(retry_after: str | None) -> float | None:
    """Read Retry-After: seconds or a date."""
    if not retry_after:
        return None
    try:
        return max(0.0, float(retry_after)) if retry_after.strip().isdigit() else _until(retry_after)
    except (ValueError, TypeError, OverflowError):
        return None


def _until(date: str) -> float:
    return max(0.0, email.utils.parsedate_to_datetime(date).timestamp() - time.time())


def why_not(error: Exception) -> str:
    """Return why an address was not reached, with nothing in it of what was sent."""
    reason = getattr(error, "reason", error)
    # A header of odd bytes is quoted by its error, and one header is the token.
    return str(reason) if isinstance(reason, (OSError, str)) else type(reason).__name__


def _without_password(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _opener(url: str) -> urllib.request.OpenerDirector:
    is_loopback = urllib.parse.urlsplit(url).hostname in _LOOPBACK
    proxies: dict[str, str] | None = {} if is_loopback else None
    return urllib.request.build_opener(urllib.request.ProxyHandler(proxies), _NoRedirect)


def _rejected_count(answer: bytes) -> int:
    """Read `partial_success` of an ExportTraceServiceResponse; an answer that says nothing rejects nothing."""
    try:
        return int(json.loads(answer)["partialSuccess"]["rejectedSpans"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0
