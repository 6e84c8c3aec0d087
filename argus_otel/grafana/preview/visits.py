"""
A link to a dashboard <-> which dashboard, with which variables, over which range.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from argus_otel.errors import ConfigError
from argus_otel.grafana.dashboards import load
from argus_otel.grafana.links import parse
from argus_otel.grafana.macros import ALL

if TYPE_CHECKING:
    from argus_otel.grafana.macros import TimeRange
    from argus_otel.grafana.variables import Choice

_SOURCES = ("datasource", "content")
_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000, "M": 30 * 86_400_000}
_RELATIVE = re.compile(r"^now(?:-(\d+)([smhdwM]))?$")


@dataclass(frozen=True, slots=True)
class Visit:
    """A dashboard as somebody opens it. `variables`: name and values, in the order of the link; others take their defaults."""

    uid: str
    variables: tuple[tuple[str, tuple[str, ...]], ...]
    time_range: TimeRange

    @property
    def anchor(self) -> str:
        """Its place in a page, which what is chosen anyway does not change; the sources are the same for all of them."""
        said = repr((self.uid, self._chosen(), self.time_range))
        return f"{self.uid}-{hashlib.sha256(said.encode()).hexdigest()[:10]}"

    def _chosen(self) -> list[tuple[str, tuple[str, ...]]]:
        usual = load(self.uid).scope(self.time_range).choices
        return sorted(
            (name, values)
            for name, values in self.variables
            if name not in _SOURCES and name in usual and values not in (_as_values(usual[name]), ("",), (ALL,))
        )


def _as_values(choice: Choice) -> tuple[str, ...]:
    return (choice.value,) if isinstance(choice.value, str) else choice.value


def parse_visit(url: str, otherwise: TimeRange) -> Visit | None:
    """
    Return where a link leads; None if it is none to a dashboard.

    Args:
        otherwise: the range if the link has none.
    """
    address = parse(url)
    if not address.uid:
        return None
    return Visit(address.uid, tuple(address.variables.items()), address.time_range or otherwise)


def instant_ms(text: str, now_ms: int) -> int:
    """
    Return epoch milliseconds of `now`, `now-7d`, an ISO time (UTC where it has no zone) or epoch milliseconds.

    Raises:
        ConfigError: it is none of these.
    """
    if found := _RELATIVE.match(text):
        return now_ms - int(found[1] or 0) * _UNITS_MS[found[2] or "s"]
    if text.isdigit():
        return int(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{text!r} is no time: use now-7d, 2026-11-24T10:00 or epoch milliseconds") from None
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
