"""
An error in, what of it may be kept and logged out.

ClickHouse puts the values that it could not take into its text, some without quotes (`Cannot parse uuid …`), and those
are content of sessions. So of ClickHouse's text only the error's name is kept, which stands at the very end; the rest
is in ClickHouse's own log. Our own errors name no values: their first line is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from argus_otel.errors import ArgusError, StoreError

_TEXT_CHARS_MAX = 200
_NAME = re.compile(r"\(([A-Z][A-Z0-9_]{2,63})\)\s*(?:\(version [^()]*(?:\([^()]*\))?\))?\s*$")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something did not load: ClickHouse's error number, 0 if it gave none, and a text without values."""

    code: int
    error: str

    @classmethod
    def of(cls, error: Exception) -> Refusal:
        """Return what may be kept of an error; of one that nobody expected, its class and the system's reason."""
        code = error.code if isinstance(error, StoreError) else 0
        if code or "DB::" in str(error):
            name = _NAME.search(str(error))
            return cls(code, name[1] if name else "")
        if isinstance(error, ArgusError):
            return cls(0, str(error).partition("\n")[0][:_TEXT_CHARS_MAX])
        return cls(0, " ".join(filter(None, (type(error).__name__, getattr(error, "strerror", None)))))
