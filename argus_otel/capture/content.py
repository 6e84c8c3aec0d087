"""
A value of a hook -> what is said of it: its text within the limit and without secrets, and the measures of the whole.

A value is the text itself, or for anything else its compact JSON with the keys in the order given, which is how the
native leg counts `tool_input_size_bytes` (recordings `default` and `content-on`). First what is binary is left out of the
text, then secrets, and then it is cut: a cut never leaves half a secret that no rule knows any more.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from typing import TYPE_CHECKING, NamedTuple

from argus_otel.capture.redact import candidates, redact_value

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from argus_otel.capture.redact import Counts, Rule
    from argus_otel.capture.settings import CaptureSettings

_BASE64_LENGTH_MIN = 256
_BASE64 = re.compile(r"[A-Za-z0-9+/_\-\r\n]+={0,2}\s*")
_DATA_URL = re.compile(
    r"data:([\w.+-]{1,80}/[\w.+-]{1,80})?((?:;[\w.+=-]{1,80}){0,3});base64,([A-Za-z0-9+/_-]{256,}={0,2})", re.ASCII
)
_TYPE_NAMES = ("media_type", "mimeType", "mime_type")
_DEPTH_MAX = 64


class Content(NamedTuple):
    """
    One value. `bytes` (UTF-8) and `length` (UTF-16 units, as `prompt_length` counts) are of the whole value as it came,
    whatever `text` still holds; `sha256` too, or of the whole redacted text if something was redacted: whoever can guess
    a secret could confirm it by the other hash. At level metadata there is neither text nor hash: the same goes for a
    short text. `redactions` says how many secrets which rule took out.
    """

    text: str
    bytes: int
    length: int
    sha256: str
    is_truncated: bool
    redactions: tuple[tuple[str, int], ...] = ()

    def __repr__(self) -> str:
        return f"Content({self.bytes} bytes, is_truncated={self.is_truncated})"

    @property
    def fingerprint(self) -> str:
        """What tells this value from another in an identity, at the level that is set."""
        return self.sha256 or str(self.length)


EMPTY = Content("", 0, 0, "", is_truncated=False)


def as_text(value: Any) -> str:
    """Return a string as it is, anything else as compact JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def measure(value: Any, settings: CaptureSettings, rules: Sequence[Rule] = ()) -> Content:
    """Measure a value, redact it by the rules and keep as much of it as the settings allow."""
    whole = as_text(value)
    utf16 = whole.encode("utf-16-le", "surrogatepass")
    utf8 = utf16.decode("utf-16-le", "replace").encode()
    if settings.level != "full":
        return Content("", len(utf8), len(utf16) // 2, "", is_truncated=False)
    readable = _without_binary(value) if _may_be_binary(whole) else value
    is_readable = readable == value
    counts: Counts = {}
    wanted = candidates(whole, rules)
    redacted = redact_value(readable, wanted, counts) if wanted else readable
    shown = utf8 if redacted is value else _valid(as_text(redacted)).encode()
    digest = hashlib.sha256(shown if counts else utf8).hexdigest()
    is_cut = len(shown) > settings.value_bytes_max
    text = cut(shown, settings.value_bytes_max) if is_cut else shown.decode()
    found = tuple(sorted(counts.items()))
    return Content(text, len(utf8), len(utf16) // 2, digest, is_cut or not is_readable, found)


def cut(utf8: bytes, kept_bytes_max: int) -> str:
    """Return head and tail of a longer text, at most `kept_bytes_max` of its bytes, around a note of the rest."""
    tail_bytes = kept_bytes_max // 2
    # A character that a cut would split is left out whole: only the edges can be invalid.
    head = utf8[: kept_bytes_max - tail_bytes].decode("utf-8", "ignore")
    tail = utf8[len(utf8) - tail_bytes :].decode("utf-8", "ignore")
    missing_bytes = len(utf8) - len(head.encode()) - len(tail.encode())
    return f"{head}\n[… {missing_bytes} bytes left out …]\n{tail}"


def _valid(text: str) -> str:
    # JavaScript cuts strings between the halves of a surrogate pair; half a pair is no UTF-8, so it becomes U+FFFD.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _may_be_binary(text: str) -> bool:
    return len(text) > _BASE64_LENGTH_MIN and ("base64" in text or any(name in text for name in _TYPE_NAMES))


def _without_binary(value: Any, depth: int = 0) -> Any:
    """Return a value of JSON with a note in the place of each image or other file that it holds in base64."""
    if isinstance(value, str):
        return _DATA_URL.sub(lambda url: _note(url[3], url[1] or ""), value) if ";base64," in value else value
    if depth == _DEPTH_MAX:
        return value
    if isinstance(value, list):
        return [_without_binary(item, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    media_type = next((value[name] for name in _TYPE_NAMES if isinstance(value.get(name), str)), "")
    # As the Messages API, MCP and the Read tool write it.
    names = ("base64", "data", "blob") if media_type or value.get("type") == "base64" else ("base64",)
    return {
        name: _note(item, media_type) if name in names and _is_base64(item) else _without_binary(item, depth + 1)
        for name, item in value.items()
    }


def _is_base64(value: Any) -> bool:
    return isinstance(value, str) and len(value) >= _BASE64_LENGTH_MIN and bool(_BASE64.fullmatch(value))


def _note(encoded: str, media_type: str) -> str:
    try:
        data = base64.b64decode("".join(encoded.split()), altchars=b"-_" if "-" in encoded or "_" in encoded else None)
    except (binascii.Error, ValueError):
        data = encoded.encode()
    return f"[{media_type or 'binary'}, {len(data)} bytes left out, sha256 {hashlib.sha256(data).hexdigest()}]"
