"""Settings that cannot be used: each is told in a sentence, without what is secret in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from argus_otel.config import load_config, read_secret, read_workspace_tokens
from argus_otel.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "url",
    [
        "http://host:99999",
        "http://host:0",
        "http://u:s3cr/et@host:8123",
        "http://u:12/s3cret@host:8123",
        "http://u:12#s3cret@host",
        "tcp://u:ab/cds3cret@host",
        "tcp://u/x:s3cret@host",
        "u:s3cret@host:9000",
        "http://a:8123,http://u:s3 cr/e@t@host",
    ],
)
def test_a_url_of_no_server_is_told_without_its_login(url: str) -> None:
    with pytest.raises(ConfigError, match=r"clickhouse: must be .*%2F.*clickhouse_password_file") as caught:
        load_config({"clickhouse": url})
    assert "s3" not in str(caught.value)


def test_a_password_in_percent_code_is_one() -> None:
    assert load_config({"clickhouse": "https://u:s3%2Fcr%40et@host"}).clickhouse == "https://u:s3%2Fcr%40et@host"


def test_files_that_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"\xff\xfes3cret")
    for read in (read_secret, read_workspace_tokens, lambda given: load_config({}, given)):
        with pytest.raises(ConfigError, match=f"cannot read (config file )?{file}: it is no text in UTF-8"):
            read(file)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"clickhouse": "http://a", "rollup_margin_s": 300}, "clickhouse_timeout_s, 300, must be below"),
        ({"otel_database": "one", "argus_database": "one"}, "must be two"),
        ({"otel_database": "otél"}, "otel_database: must be letters"),
        ({"argus_database": "1st"}, "argus_database: must be letters"),
    ],
)
def test_settings_that_do_not_go_together(flags: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load_config(flags)


def test_the_embedded_engine_has_no_timeout_to_compare() -> None:
    assert load_config({"rollup_margin_s": 1}).rollup_margin_s == 1
