"""
A session id -> what the endpoint knows of its erasure, over the listener that the plugin sends to.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from argus_otel.capture.ship import why_not

_ANSWER_S_MAX = 5
_ANSWER_BYTES_MAX = 64 * 1024
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Erasure(NamedTuple):
    """Times as the endpoint writes them, empty for not yet. `trouble` says why nothing is known."""

    asked_at: str = ""
    unreadable_at: str = ""
    gone_at: str = ""
    trouble: str = ""


def ask_erasure(endpoint: str, token: str, session_id: str) -> Erasure:
    """Ask for one session; never raises."""
    url = f"{endpoint}/v1/erasures/{quote(session_id, safe='')}"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    proxies: dict[str, str] | None = {} if urlsplit(url).hostname in _LOOPBACK else None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies))
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - settings allow http(s) only
        with opener.open(request, timeout=_ANSWER_S_MAX) as answer:
            return _read(answer.read(_ANSWER_BYTES_MAX))
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 404:
                return Erasure(trouble=_why_unknown(error.read(_ANSWER_BYTES_MAX)))
            return Erasure(trouble=f"answered {error.code} {error.reason}")
    except (OSError, ValueError) as error:
        return Erasure(trouble=f"does not answer: {why_not(error)}")


def _read(body: bytes) -> Erasure:
    known: Any = json.loads(body)
    if not isinstance(known, dict):
        return Erasure(trouble="answers what no argus-otel answers")
    return Erasure(*(str(known.get(key) or "") for key in ("asked_at", "unreadable_at", "gone_at")))


def _why_unknown(body: bytes) -> str:
    try:
        is_ours = "error" in json.loads(body)
    except (ValueError, TypeError):
        is_ours = False
    return "knows nothing of this session" if is_ours else "does not know of erasures: is it argus-otel?"
