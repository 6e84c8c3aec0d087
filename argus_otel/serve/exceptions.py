"""
ClickHouse's way of saying no: a code, a name, a text, an HTTP status.

Source of the statuses: ClickHouse, src/Server/HTTP/exceptionCodeToHTTPStatus.cpp.
"""

from __future__ import annotations

import re

_STATUS = {
    194: 401,  # REQUIRED_PASSWORD
    192: 403,  # UNKNOWN_USER
    193: 403,  # WRONG_PASSWORD
    497: 403,  # ACCESS_DENIED
    516: 403,  # AUTHENTICATION_FAILED
    6: 400, 26: 400, 27: 400, 36: 400, 41: 400, 53: 400, 62: 400, 72: 400, 117: 400, 427: 400, 456: 400, 457: 400,  # bad input
    46: 404, 47: 404, 50: 404, 56: 404, 60: 404, 81: 404, 115: 404,  # unknown names
    229: 413,  # QUERY_IS_TOO_LARGE
    48: 501,  # NOT_IMPLEMENTED
    159: 504,  # TIMEOUT_EXCEEDED
}  # fmt: skip


class QueryError(Exception):
    """An error as ClickHouse would send it."""

    def __init__(self, code: int, message: str, name: str) -> None:
        super().__init__(message)
        self.code = code
        self.name = name

    @property
    def http_status(self) -> int:
        return _STATUS.get(self.code, 500)

    def text(self, version: str) -> str:
        """Return the body that ClickHouse would send."""
        return f"Code: {self.code}. DB::Exception: {self}. ({self.name}) (version {version})\n"


def from_engine(error: Exception) -> QueryError:
    """Return the engine's own error; chDB repeats its head and its name."""
    text = str(error)
    code = re.search(r"Code: (\d+)\. DB::Exception: ", text)
    name = re.search(r"\(([A-Z][A-Z0-9_]+)\)\s*$", text.strip())
    message = re.sub(r"^.*?(Code: \d+\. DB::Exception: )+", "", text, flags=re.DOTALL)
    message = re.sub(r"(\s*\(version [0-9.]+\)\.?)?(\s*\([A-Z][A-Z0-9_]+\))*\s*$", "", message)
    message = re.sub(r"\s*\([A-Z][A-Z0-9_]+\)\s*\(version [^)]*\)\.?$", "", message)
    return QueryError(int(code[1]) if code else 1002, message.rstrip(". "), name[1] if name else "UNKNOWN_EXCEPTION")
