"""
A value and its Grafana unit -> the text that a panel shows; a Grafana colour -> CSS.

Only the units that our dashboards use; another is shown after the number as it stands. Sizes and durations take the
largest unit that leaves a number of at least one.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

_THOUSANDS = ("", " K", " Mil", " Bil", " Tri")
_MONEY = ("", "K", "M", "B")
_IEC = (" B", " KiB", " MiB", " GiB", " TiB")
_SI = (" B", " kB", " MB", " GB", " TB")
_DURATIONS_S = (
    (86_400.0, " d"),
    (3_600.0, " h"),
    (60.0, " min"),
    (1.0, " s"),
    (1e-3, " ms"),
    (1e-6, " µs"),
    (1e-9, " ns"),
)
_SECONDS_OF = {
    "s": 1.0,
    "dtdurations": 1.0,
    "ms": 1e-3,
    "dtdurationms": 1e-3,
    "µs": 1e-6,
    "ns": 1e-9,
    "m": 60.0,
    "h": 3_600.0,
}
_RATES = {"reqps": " req/s", "ops": " ops/s", "cps": " c/s", "rps": " rec/s", "wps": " wr/s", "iops": " io/s"}
_MS_A_SECOND = 1_000.0

_COLOURS = {
    "green": "#73BF69",
    "yellow": "#FADE2A",
    "orange": "#FF9830",
    "red": "#F2495C",
    "blue": "#5794F2",
    "purple": "#B877D9",
    "gray": "#8E8E93",
    "grey": "#8E8E93",
    "text": "#CCCCDC",
    "white": "#FFFFFF",
    "black": "#000000",
    "transparent": "transparent",
}
_SHADES = {"super-light-": 0.45, "light-": 0.25, "semi-dark-": -0.12, "dark-": -0.28}

PALETTE = (
    "green",
    "yellow",
    "blue",
    "orange",
    "red",
    "light-blue",
    "purple",
    "semi-dark-green",
    "light-orange",
    "dark-purple",
)
"""For series without a colour of their own."""


def text_of(value: Any, unit: str = "", decimals: int | None = None) -> str:
    """Return what a panel shows of a value; empty for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, list | tuple):
        return ", ".join(map(text_of, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {text_of(item)}" for key, item in value.items())
    if not isinstance(value, int | float):
        return str(value)
    if not math.isfinite(value):
        return "" if math.isnan(value) else str(value)
    return _number_text(float(value), unit, decimals)


def css_colour(name: str) -> str:
    """Return a CSS colour for one of Grafana's names, or for what is CSS already."""
    for prefix, share in _SHADES.items():
        if name.startswith(prefix):
            return _shaded(_COLOURS.get(name.removeprefix(prefix), name), share)
    return _COLOURS.get(name, name)


def _number_text(value: float, unit: str, decimals: int | None) -> str:
    if unit.startswith(("dateTime", "time:")):
        return datetime.fromtimestamp(value / _MS_A_SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S")
    if unit.startswith("currency"):
        # A cent matters in small sums, not in large ones.
        places = decimals if decimals is not None else 2
        return ("-" if value < 0 else "") + "$" + _scaled(abs(value), 1_000, _MONEY, places)
    if unit in ("percent", "percentunit"):
        share = value * 100 if unit == "percentunit" else value
        return f"{_digits(share, decimals if decimals is not None else 1)}%"
    if unit in _SECONDS_OF:
        return _duration(value * _SECONDS_OF[unit], decimals)
    if unit in ("bytes", "decbytes"):
        return _scaled(value, 1024 if unit == "bytes" else 1000, _IEC if unit == "bytes" else _SI, decimals)
    if unit == "short":
        return _scaled(value, 1_000, _THOUSANDS, decimals)
    if unit in _RATES:
        return _scaled(value, 1_000, _THOUSANDS, decimals) + _RATES[unit]
    if unit.startswith("suffix:"):
        return f"{_digits(value, decimals)}{unit.removeprefix('suffix:')}"
    number = _digits(value, decimals)
    return number if unit in ("", "none", "string", "bool") else f"{number} {unit}"


def _scaled(value: float, base: float, names: tuple[str, ...], decimals: int | None) -> str:
    step = 0
    while abs(value) >= base and step < len(names) - 1:
        value, step = value / base, step + 1
    return _digits(value, decimals) + names[step]


def _duration(seconds: float, decimals: int | None) -> str:
    if not seconds:
        return "0 s"
    for size, name in _DURATIONS_S:
        if abs(seconds) >= size:
            return _digits(seconds / size, decimals) + name
    return _digits(seconds, decimals) + " s"


def _digits(value: float, decimals: int | None) -> str:
    """Three significant digits where nobody asked for another count."""
    if decimals is None:
        decimals = 0 if value == int(value) else max(0, 2 - len(str(int(abs(value)))) + 1)
    return f"{value:,.{decimals}f}"


def _shaded(colour: str, share: float) -> str:
    """Lighter for a positive share of the way to white, darker for a negative one to black."""
    if not colour.startswith("#"):
        return colour
    parts = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    end = 255 if share > 0 else 0
    return "#" + "".join(f"{round(part + (end - part) * abs(share)):02X}" for part in parts)
