"""
One HTTP request as a query: what to run, with which parameters and settings, in which format, for whom.

Source: ClickHouse documentation, "HTTP Interface".
"""

from __future__ import annotations

import base64
import binascii
import gzip
import uuid
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argus_otel.serve import allowed
from argus_otel.serve.compression import decompress_blocks
from argus_otel.serve.exceptions import QueryError

if TYPE_CHECKING:
    from starlette.requests import Request

QUERY_BYTES_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class Query:
    """What a client asked."""

    sql: str
    query_id: str
    database: str
    format: str
    parameters: dict[str, str]
    settings: dict[str, str]
    is_block_compressed: bool
    is_gzip_wanted: bool
    protocol_version: int
    """The newest version of ClickHouse's own protocol that the client knows; 0 if it does not say."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who asks; a missing user is `default`."""

    user: str
    password: str


async def read_query(request: Request) -> Query:
    """
    Return the query of a request; its text is the URL's `query` and the body, one after the other.

    Raises:
        QueryError: the body is too large or cannot be unpacked.
    """
    fields = dict(request.query_params)
    body = ""
    if request.method == "POST":
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            form = await request.form()
            fields |= {name: value for name, value in form.items() if isinstance(value, str)}
        else:
            body = await _body(request, is_block_compressed=fields.get("decompress") == "1")
    sql = "\n".join(part for part in (fields.get("query", ""), body) if part.strip())
    headers = request.headers
    return Query(
        sql=sql,
        query_id=fields.get("query_id") or str(uuid.uuid4()),
        database=fields.get("database") or headers.get("x-clickhouse-database", ""),
        format=fields.get("default_format") or headers.get("x-clickhouse-format", "") or "TabSeparated",
        parameters={name.removeprefix("param_"): value for name, value in fields.items() if name.startswith("param_")},
        settings={
            name: value
            for name, value in fields.items()
            if name in allowed.CLIENT_SETTINGS or name.startswith(allowed.CLIENT_SETTING_PREFIXES)
        },
        is_block_compressed=fields.get("compress") == "1",
        is_gzip_wanted=fields.get("enable_http_compression") == "1" and "gzip" in headers.get("accept-encoding", ""),
        protocol_version=_number(fields.get("client_protocol_version", "")),
    )


def read_login(request: Request) -> Login:
    """Return who asks: basic authentication, X-ClickHouse-User and -Key, or URL parameters."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise QueryError(516, "basic authentication cannot be read", "AUTHENTICATION_FAILED") from None
        return Login(user or "default", password)
    headers, fields = request.headers, request.query_params
    user = headers.get("x-clickhouse-user") or fields.get("user") or "default"
    return Login(user, headers.get("x-clickhouse-key") or fields.get("password") or "")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0


async def _body(request: Request, *, is_block_compressed: bool) -> str:
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > QUERY_BYTES_MAX:
            raise QueryError(229, f"query is over {QUERY_BYTES_MAX} bytes", "QUERY_IS_TOO_LARGE")
    try:
        plain = _gunzip(bytes(data)) if request.headers.get("content-encoding") == "gzip" else bytes(data)
        return (decompress_blocks(plain) if is_block_compressed else plain).decode()
    except (UnicodeDecodeError, gzip.BadGzipFile, zlib.error, EOFError):
        raise QueryError(62, "query is no UTF-8 text, or not compressed as it says", "SYNTAX_ERROR") from None


def _gunzip(data: bytes) -> bytes:
    plain = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data, QUERY_BYTES_MAX + 1)
    if len(plain) > QUERY_BYTES_MAX:
        raise QueryError(229, f"query is over {QUERY_BYTES_MAX} bytes", "QUERY_IS_TOO_LARGE")
    return plain
