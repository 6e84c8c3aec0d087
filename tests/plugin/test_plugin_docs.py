"""docs/plugin.md names every setting as it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from argus_otel.capture.settings import Settings, variable_of
from argus_otel.plugin.commands import plugin_app

DOC = (Path(__file__).parent.parent.parent / "docs" / "plugin.md").read_text()


@pytest.mark.parametrize("key", Settings._fields)
def test_a_setting_stands_in_the_table_with_its_default(key: str) -> None:
    [row] = re.findall(rf"^\| `{key}` \| (.*?) \| (.*?) ?\|", DOC, re.MULTILINE)
    default = Settings._field_defaults[key]
    shown = str(default).lower() if isinstance(default, bool) else str(default or "")
    assert row == (f"`{variable_of(key)}`", f"`{shown}`" if default or default is False else "")


def test_every_command_is_named() -> None:
    for command in plugin_app.registered_commands:
        assert f"plugin {command.name}" in DOC
    assert "argus-otel claude" in DOC
