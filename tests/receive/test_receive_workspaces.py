"""Tenants: the token that a sender presents decides the workspace its records are in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from receiving import receiving

from argus_otel.app import Service
from argus_otel.config import load_config, read_workspace_tokens
from argus_otel.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

TOKENS = {"token-of-payments": "payments", "new-token-of-payments": "payments", "token-of-search": "search"}


def body() -> bytes:
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add().body.string_value = "claude_code.user_prompt"
    return request.SerializeToString()


def test_the_token_decides_the_workspace() -> None:
    with receiving(token="token-of-default", workspace_tokens=TOKENS) as state:
        expected = []
        for token, workspace in {"token-of-default": "default", **TOKENS}.items():
            assert state.post("/v1/logs", body(), headers={"Authorization": f"Bearer {token}"})[0] == 200
            state.export(body(), metadata=(("authorization", f"Bearer {token}"),))
            expected += [workspace, workspace]
        assert [envelope.workspace for envelope in state.accepted] == expected


def test_without_a_token_of_its_own_the_default_workspace_is_shut() -> None:
    with receiving(workspace_tokens=TOKENS) as state:
        assert state.post("/v1/logs", body())[0] == 401
        for wrong in ("", "Bearer payments", "Bearer token-of-payment", "Basic token-of-payments"):
            assert state.answered(body(), metadata=(("authorization", wrong),)) == (
                grpc.StatusCode.UNAUTHENTICATED,
                False,
            )
        assert not state.accepted


def test_a_file_of_tokens(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("# who sends\n\npayments  one\npayments two\n  search\tthree\n")
    assert read_workspace_tokens(file) == {"one": "payments", "two": "payments", "three": "search"}
    assert read_workspace_tokens(None) == {}


@pytest.mark.parametrize(
    ("text", "explained"),
    [
        ("", "has no token"),
        ("# payments secret-token\n", "has no token"),
        ("secret-token\n", "line 1: write WORKSPACE TOKEN"),
        ("payments secret-token more\n", "line 1: write WORKSPACE TOKEN"),
        ("pay/ments secret-token\n", "line 1: write WORKSPACE TOKEN"),
        (f"{'a' * 65} secret-token\n", "line 1: write WORKSPACE TOKEN"),
        ("payments secret-token\nsearch secret-token\n", "line 2: this token stands there already"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_without_telling_a_token(
    text: str, explained: str, tmp_path: Path
) -> None:
    file = tmp_path / "tokens"
    file.write_text(text)
    with pytest.raises(ConfigError, match=explained) as refused:
        read_workspace_tokens(file)
    assert "secret" not in str(refused.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"cannot read {tmp_path}"):
        read_workspace_tokens(tmp_path)


def test_a_token_is_for_one_workspace(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret-token")
    (tmp_path / "tokens").write_text("payments secret-token\n")
    files = {"token_file": tmp_path / "token", "workspace_tokens_file": tmp_path / "tokens"}
    with pytest.raises(ConfigError, match="a token is for one workspace"):
        Service(load_config({"data_dir": tmp_path / "data", **files}))
