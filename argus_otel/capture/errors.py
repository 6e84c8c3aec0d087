"""
What can go wrong in a capture. A tree of its own: this package imports nothing of argus_otel.

As a hook nobody sees them; `argus-otel capture --check` prints them, the log and `plugin status` quote them. No message
holds content of a session or a token.
"""

from __future__ import annotations


class CaptureError(Exception):
    """Base of all; the message says what to do."""


class SettingsError(CaptureError):
    """A setting cannot be used: names it, its value and what is allowed. Permanent; nothing is sent."""


class HookInputError(CaptureError):
    """The input is not what a hook is told. Permanent."""


class DamagedFileError(CaptureError):
    """A file in the spool is not what was written. Permanent."""


class ShipError(CaptureError):
    """
    The records did not arrive, for now: not reached, busy, or a token or an address that may be put right.

    `after_s` is when the receiver wants to be asked again, None if it did not say. Sending the same again is safe, as
    spans keep their identities.
    """

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class TokenRefusedError(ShipError):
    """The receiver does not take this token. Only with another one is it worth another try."""


class ReceiverFailedError(ShipError):
    """The receiver failed over the request (HTTP 500 and its like). Tried again a few times only."""


class RefusedError(ShipError):
    """The receiver will never take this request as it is. Permanent for the request; parts of it may be taken."""


class RejectedError(ShipError):
    """The receiver took the request but for `count` records, which it will never take. Permanent."""

    def __init__(self, message: str, count: int) -> None:
        super().__init__(message)
        self.count = count
