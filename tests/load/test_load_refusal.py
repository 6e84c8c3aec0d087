"""Of an error only what can hold no value of a session is kept."""

from __future__ import annotations

import pytest

from argus_otel.errors import SchemaError, SpoolWriteError, StoreRefusedError, StoreUnavailableError
from argus_otel.refusal import Refusal


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (
            StoreRefusedError(
                "Code: 6. DB::Exception: Cannot parse string 'my prompt' as UInt32: (at row 1)\n. "
                "(CANNOT_PARSE_TEXT) (version 26.9.2.1 (official build))",
                6,
            ),
            Refusal(6, "CANNOT_PARSE_TEXT"),
        ),
        (
            StoreRefusedError("Code: 376. DB::Exception: Cannot parse uuid my-prompt. (CANNOT_PARSE_UUID)", 376),
            Refusal(376, "CANNOT_PARSE_UUID"),
        ),
        (StoreRefusedError("Code: 6. DB::Exception: my prompt (MY_PROMPT) and more", 6), Refusal(6, "")),
        (StoreUnavailableError("DB::Exception: my prompt"), Refusal(0, "")),
        (
            StoreUnavailableError("clickhouse cannot be reached: connection refused\nmore"),
            Refusal(0, "clickhouse cannot be reached: connection refused"),
        ),
        (
            SchemaError("the schema is older: run `argus-otel migrate`"),
            Refusal(0, "the schema is older: run `argus-otel migrate`"),
        ),
        (SpoolWriteError("cannot write"), Refusal(0, "cannot write")),
        (OSError(28, "No space left on device", "/a/path"), Refusal(0, "OSError No space left on device")),
        (RuntimeError("my prompt"), Refusal(0, "RuntimeError")),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_kept_of_an_error(error: Exception, kept: Refusal) -> None:
    assert Refusal.of(error) == kept
