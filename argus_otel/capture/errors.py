"""
What can go wrong in a capture. A tree of its own: this package imports nothing of argus_otel.

As a hook nobody sees them; `argus-otel capture --check` prints them. No message holds content of a session.
"""

from __future__ import annotations


class CaptureError(Exception):
    """Base of all; the message says what to do."""


class SettingsError(CaptureError):
    """An environment variable cannot be used: names it, its value and what is allowed. Permanent; nothing is sent."""


class HookInputError(CaptureError):
    """The input is not what a hook is told. Permanent."""


class ShipError(CaptureError):
    """The service was not reached, or refused the records."""
