"""
A value of a hook -> what is said of it: its text within the limit, and the measures of the whole.

A value is the text itself, or for anything else its compact JSON with the keys in the order given, which is how the
native leg counts `tool_input_size_bytes` (recordings `default` and `content-on`).
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

    from argus_otel.capture.settings import CaptureSettings


class Content(NamedTuple):
    """
    One value. `bytes` (UTF-8), `length` (UTF-16 units, as `prompt_length` counts) and `sha256` are of the whole value,
    whatever `text` still holds. At level metadata there is neither text nor hash: whoever can guess a short text can
    confirm it by its hash.
    """

    text: str
    bytes: int
    length: int
    sha256: str
    is_truncated: bool

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


def measure(value: Any, settings: CaptureSettings) -> Content:
    """Measure a value and keep as much of it as the settings allow."""
    # JavaScript cuts strings between the halves of a surrogate pair; half a pair is no UTF-8, so it becomes U+FFFD.
    utf16 = as_text(value).encode("utf-16-le", "surrogatepass")
    text = utf16.decode("utf-16-le", "replace")
    utf8 = text.encode()
    if settings.level != "full":
        return Content("", len(utf8), len(utf16) // 2, "", is_truncated=False)
    is_truncated = len(utf8) > settings.value_bytes_max
    shown = cut(utf8, settings.value_bytes_max) if is_truncated else text
    return Content(shown, len(utf8), len(utf16) // 2, hashlib.sha256(utf8).hexdigest(), is_truncated)


def cut(utf8: bytes, kept_bytes_max: int) -> str:
    """Return head and tail of a longer text, at most `kept_bytes_max` of its bytes, around a note of the rest."""
    tail_bytes = kept_bytes_max // 2
    # A character that a cut would split is left out whole: only the edges can be invalid.
    head = utf8[: kept_bytes_max - tail_bytes].decode("utf-8", "ignore")
    tail = utf8[len(utf8) - tail_bytes :].decode("utf-8", "ignore")
    missing_bytes = len(utf8) - len(head.encode()) - len(tail.encode())
    return f"{head}\n[… {missing_bytes} bytes left out …]\n{tail}"
