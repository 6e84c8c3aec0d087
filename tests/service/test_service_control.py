"""The control socket, asked what nobody should ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from services import serving

from argus_otel.running import ControlError, command

if TYPE_CHECKING:
    from pathlib import Path


def test_what_it_does_not_know_or_fails_at_is_told_in_a_sentence(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as service:
        with pytest.raises(ControlError, match="answered 404 and no JSON: is it of another version"):
            command(service.data_dir, "GET", "/not-yet")
        with pytest.raises(ControlError, match="KeyError: see the service's log"):
            command(service.data_dir, "POST", "/dead-letters/show", {})
        assert "/dead-letters/show failed" in service.log.read_text()
