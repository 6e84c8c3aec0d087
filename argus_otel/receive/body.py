"""
The pieces of an HTTP body -> the whole body, inflated.

Inflates piece by piece and never past the limit, so a gzip bomb costs its limit and no more. Source: RFC 9112, 7.2
and RFC 1952, 2.2: a gzip body is any number of members, one after the other.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING, Protocol

from starlette.requests import ClientDisconnect

from argus_otel.errors import BodyTooLargeError, MalformedBodyError, UnsupportedEncodingError
from argus_otel.receive.errors import UnfinishedBodyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

_INFLATED_BYTES_MAX = 1 << 20
"""Inflated at a time."""


class _Collector(Protocol):
    def add(self, piece: bytes) -> None: ...
    def whole(self) -> bytes: ...


async def read_body(request: Request, bytes_max: int, timeout_s: float, hold: Callable[[int], None]) -> bytes:
    """
    Return the body of `request`, inflated where it says gzip.

    Args:
        bytes_max: of the body as announced; saves reading one that is too large.
        hold: is told of each further piece in memory, as inflated; refuses by an error.

    Raises:
        UnsupportedEncodingError, BodyTooLargeError, MalformedBodyError: permanent; or what `hold` raises.
        UnfinishedBodyError: retryable; not whole after `timeout_s`, or the sender hung up.
    """
    collector = _collector(request.headers.get("content-encoding", ""), hold)
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > bytes_max:
        raise BodyTooLargeError(int(announced), bytes_max)
    try:
        async with asyncio.timeout(timeout_s):
            async for piece in request.stream():
                collector.add(piece)
    except TimeoutError:
        raise UnfinishedBodyError(f"the body took longer than {timeout_s:.0f} s: retry later") from None
    except ClientDisconnect:
        raise UnfinishedBodyError("the sender hung up before its body was whole") from None
    return collector.whole()


def _collector(coding: str, hold: Callable[[int], None]) -> _Collector:
    match coding.strip().lower():
        case "" | "identity":
            return _Pieces(hold)
        case "gzip":
            return _Gunzip(_Pieces(hold))
        case other:
            raise UnsupportedEncodingError(f"content encoding {other[:80]!r}: send gzip or none")


class _Pieces:
    def __init__(self, hold: Callable[[int], None]) -> None:
        self._hold = hold
        self._pieces: list[bytes] = []

    def add(self, piece: bytes) -> None:
        self._hold(len(piece))
        self._pieces.append(piece)

    def whole(self) -> bytes:
        return b"".join(self._pieces)


class _Gunzip:
    def __init__(self, inflated: _Pieces) -> None:
        self._inflated = inflated
        self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._is_inside = False

    def add(self, piece: bytes) -> None:
        while piece:
            self._inflate(piece)
            piece = self._member.unconsumed_tail
            if self._member.eof:
                piece = self._member.unused_data
                self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
                self._is_inside = False

    def whole(self) -> bytes:
        # All input is consumed; what one step may not give out at once is still inside.
        while self._is_inside and not self._member.eof:
            if not self._inflate(b""):
                raise MalformedBodyError("body is cut off inside its gzip")
        return self._inflated.whole()

    def _inflate(self, piece: bytes) -> int:
        try:
            inflated = self._member.decompress(piece, _INFLATED_BYTES_MAX)
        except zlib.error as error:
            raise MalformedBodyError("body is no gzip") from error
        self._is_inside = True
        self._inflated.add(inflated)
        return len(inflated)
