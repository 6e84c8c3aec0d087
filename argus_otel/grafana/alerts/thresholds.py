"""
A thresholds file (TOML, a table per rule) -> what each rule's query is rendered with. What is not there keeps its default;
what does not exist is an error that lists what does.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

from argus_otel.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from argus_otel.grafana.alerts.rules import Rule

PAUSED = "paused"
"""The one key that every rule has: Grafana shows the rule and does not evaluate it."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """One number of a rule, from 0 to `maximum`; a whole one, from 1, where its default is whole."""

    name: str
    default: int | float
    unit: str
    meaning: str
    maximum: float = inf


def read(path: Path, rules: Iterable[Rule]) -> dict[str, dict[str, Any]]:
    """
    Return the settings of a file by rule.

    Raises:
        ConfigError: no such file, not TOML, or a rule, key or value that cannot be used.
    """
    try:
        written = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    by_name = {rule.name: rule for rule in rules}
    for name, settings in written.items():
        if name not in by_name:
            raise ConfigError(f"{path}: there is no rule {name!r}, only {', '.join(by_name)}")
        if not isinstance(settings, dict):
            raise ConfigError(f"{path}: {name!r} is a table, written [{name}]")
        _check(path, by_name[name], settings)
    return written


def settings_of(rule: Rule, given: Mapping[str, Mapping[str, Any]]) -> dict[str, int | float]:
    """Return each threshold of a rule: as given, or its default."""
    own = given.get(rule.name, {})
    return {threshold.name: own.get(threshold.name, threshold.default) for threshold in rule.thresholds}


def as_toml(rules: Iterable[Rule]) -> str:
    """Return a thresholds file with every default and what it means, to be edited."""
    lines = [
        "# Alert rules of argus-otel: argus-otel grafana render --thresholds THIS-FILE. What is left out keeps its default."
    ]
    for rule in rules:
        lines += ["", f"[{rule.name}] # {rule.severity}: {rule.title}"]
        lines += [f"{one.name} = {one.default} # {one.unit}: {one.meaning}" for one in rule.thresholds]
        lines += ["# paused = true"]
    return "\n".join(lines) + "\n"


def as_table(rules: Iterable[Rule]) -> str:
    """Return every threshold as a table of Markdown."""
    lines = ["| rule | limit | default | unit | meaning |", "|---|---|---|---|---|"]
    for rule in rules:
        lines += [
            f"| {rule.name} | `{one.name}` | {one.default} | {one.unit} | {one.meaning} |" for one in rule.thresholds
        ]
    return "\n".join(lines)


def _check(path: Path, rule: Rule, settings: Mapping[str, Any]) -> None:
    by_name = {threshold.name: threshold for threshold in rule.thresholds}
    for key, value in settings.items():
        if key == PAUSED:
            if not isinstance(value, bool):
                raise ConfigError(f"{path}: {rule.name}.{key} is true or false, not {value!r}")
        elif key not in by_name:
            raise ConfigError(f"{path}: {rule.name} has no {key!r}, only {', '.join([*by_name, PAUSED])}")
        elif fault := _fault(by_name[key], value):
            raise ConfigError(f"{path}: {rule.name}.{key} is {fault}, not {value!r}")


def _fault(threshold: Threshold, value: object) -> str:
    is_whole = isinstance(threshold.default, int)
    wanted = f"a {'whole number from 1' if is_whole else 'number from 0'} to {threshold.maximum:g}".replace(
        " to inf", " on"
    )
    if isinstance(value, bool) or not isinstance(value, int if is_whole else (int, float)):
        return wanted
    return "" if int(is_whole) <= value <= threshold.maximum and value < inf else wanted
