"""A service with two workspaces, for the collectors that send to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from services import Service, serving
from tenants import TOKEN, TOKEN_OF_PAYMENTS, variables_to

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def service_options(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What `argus-otel serve` is told so that each of the two tokens has its workspace."""
    folder = tmp_path_factory.mktemp("settings")
    (folder / "token").write_text(TOKEN)
    (folder / "workspaces").write_text(f"# tenants\npayments {TOKEN_OF_PAYMENTS}\n")
    (folder / "argus-otel.toml").write_text(f'workspace_tokens_file = "{folder / "workspaces"}"\n')
    return ["--token-file", str(folder / "token"), "--config", str(folder / "argus-otel.toml")]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, service_options: list[str]) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("service") / "data", *service_options) as running:
        yield running


@pytest.fixture(scope="module")
def to_service(service: Service) -> dict[str, str]:
    return variables_to(service.addresses["otlp_http"])
