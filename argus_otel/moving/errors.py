"""What a move met."""

from __future__ import annotations

from argus_otel.errors import ArgusError


class MoveError(ArgusError):
    """The move cannot begin or go on; what is done stays done, and the message says how to go on."""
