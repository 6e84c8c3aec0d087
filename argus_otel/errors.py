"""
The one tree of errors: what a caller may do about a failure is its class.

`PermanentError`: the same data will never succeed; do not send it again.
`RetryableError`: the same data may succeed later.

Two places translate: `receive/status.py` turns these into wire statuses, `store.py` turns ClickHouse's errors into these.
"""

from __future__ import annotations


class ArgusError(Exception):
    """Base of all errors of this package; the message says what to do."""


class ConfigError(ArgusError):
    """What the user wrote cannot be used: names the key, the value and what is allowed. Raised at start only."""


class PermanentError(ArgusError):
    """Never retry this same data."""


class RetryableError(ArgusError):
    """The same data may succeed later."""


# What a sender did


class MalformedBodyError(PermanentError):
    """The body is not the message that it is sent as."""


class UnsupportedEncodingError(PermanentError):
    """A content type or content encoding that OTLP does not name."""


class UnauthenticatedError(PermanentError):
    """The bearer token is missing or wrong."""


class BodyTooLargeError(PermanentError):
    """The body, as sent or inflated, is over the limit."""

    def __init__(self, size_bytes: int, size_bytes_max: int) -> None:
        super().__init__(
            f"body of at least {size_bytes} bytes is over the limit of {size_bytes_max}: send smaller batches"
        )
        self.size_bytes = size_bytes
        self.size_bytes_max = size_bytes_max


class ExpansionTooLargeError(PermanentError):
    """Few bytes on the wire that would become far too many in the tables: many records sharing large attributes."""

    def __init__(self, expanded_bytes: int, expanded_bytes_max: int) -> None:
        super().__init__(
            f"request expands to {expanded_bytes} bytes, over the limit of {expanded_bytes_max}: "
            "send smaller batches or smaller resource attributes"
        )
        self.expanded_bytes = expanded_bytes
        self.expanded_bytes_max = expanded_bytes_max


# What the spool met


class SpoolFullError(RetryableError):
    """The spool is at its bound: ClickHouse is behind or away."""

    def __init__(self, used_bytes: int, used_bytes_max: int) -> None:
        super().__init__(f"spool holds {used_bytes} of at most {used_bytes_max} bytes: retry later")
        self.used_bytes = used_bytes
        self.used_bytes_max = used_bytes_max


class SpoolWriteError(RetryableError):
    """The disk refused: full, read-only or broken."""


class ShuttingDownError(RetryableError):
    """The service is draining and takes nothing new."""


# What ClickHouse said


class StoreError(ArgusError):
    """ClickHouse refused a statement; `code` is its error number, 0 if none was given."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class StoreRefusedError(StoreError, PermanentError):
    """A code that is listed as permanent: this data or this statement is at fault."""


class StoreUnavailableError(StoreError, RetryableError):
    """Anything else: network, memory, time, disk, or a code that nobody classified."""


# What a person asked for


class UnknownDeadLetterError(PermanentError):
    """No dead letter has this id: it expired, was sent again, or never was."""

    def __init__(self, letter_id: str) -> None:
        super().__init__(f"no dead letter {letter_id!r}: `argus-otel dead-letter list` shows those that are held")
        self.letter_id = letter_id


# What the schema met


class SchemaError(ArgusError):
    """The database is not what this version can work with: too old, drifted, or made by a newer version."""
