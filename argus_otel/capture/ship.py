"""
One encoded request -> an OTLP/HTTP receiver, once: no retry, no spool.

A proxy of the environment is used, but never to reach this machine itself; no redirect is followed, as it would carry
the session and the token to a host that nobody named.
"""

from __future__ import annotations

import gzip
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING

from argus_otel.capture.errors import ShipError

if TYPE_CHECKING:
    from typing import Any

    from argus_otel.capture.settings import ShipSettings

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_ANSWER_BYTES_MAX = 64 * 1024


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def ship(body: bytes, settings: ShipSettings) -> None:
    """
    POST the body of an ExportTraceServiceRequest in OTLP-JSON; returns once the receiver acknowledged all of it.

    Raises:
        ShipError: it did not; sending the same body again is safe, as its spans keep their identities.
    """
    url = f"{settings.endpoint}/v1/traces"
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    if settings.token:
        headers["Authorization"] = f"Bearer {settings.token}"
    try:
        request = urllib.request.Request(url, gzip.compress(body), headers)  # noqa: S310 - settings allow http(s) only
        with _opener(url).open(request, timeout=settings.timeout_s) as answer:
            rejected = _rejected_count(answer.read(_ANSWER_BYTES_MAX))
    except urllib.error.HTTPError as error:
        with error:
            hint = "is this an OTLP/HTTP receiver?" if error.code == 404 else "look at its log, or at the token"
            raise ShipError(f"{url} answered {error.code} {error.reason}: {hint}") from error
    except http.client.HTTPException as error:
        raise ShipError(f"{url} answers no HTTP: is it the port of OTLP/gRPC? OTLP/HTTP has its own, 4318") from error
    except (OSError, ValueError) as error:  # a wait that timed out, a refused connection, a URL or token of odd bytes
        reason = getattr(error, "reason", error)
        raise ShipError(f"{url} was not reached: {reason}: is the service running, is the endpoint right?") from error
    if rejected:
        raise ShipError(f"{url} rejected {rejected} records for good")


def _opener(url: str) -> urllib.request.OpenerDirector:
    is_loopback = urllib.parse.urlsplit(url).hostname in _LOOPBACK
    proxies: dict[str, str] | None = {} if is_loopback else None
    return urllib.request.build_opener(urllib.request.ProxyHandler(proxies), _NoRedirect)


def _rejected_count(answer: bytes) -> int:
    """Read `partial_success` of an ExportTraceServiceResponse; an answer that says nothing rejects nothing."""
    try:
        return int(json.loads(answer)["partialSuccess"]["rejectedSpans"])
    except (ValueError, KeyError, TypeError):
        return 0
