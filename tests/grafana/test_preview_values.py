"""What a figure looks like: as Grafana writes its units, and with the colours of its palette."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from argus_otel.grafana.preview.values import css_colour, text_of


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "shown"),
    [
        (0.090675, "currencyUSD", None, "$0.09"),
        (0.090675, "currencyUSD", 4, "$0.0907"),
        (1234.5, "currencyUSD", None, "$1.23K"),
        (-2.5, "currencyUSD", None, "-$2.50"),
        (0, "short", None, "0"),
        (999, "short", None, "999"),
        (106_000_000, "short", None, "106 Mil"),
        (0.874, "percentunit", None, "87.4%"),
        (87.4, "percent", None, "87.4%"),
        (2048, "bytes", None, "2 KiB"),
        (2000, "decbytes", None, "2 kB"),
        (90, "s", None, "1.50 min"),
        (1500, "ms", None, "1.50 s"),
        (0, "ms", None, "0 s"),
        (3, "suffix: calls", None, "3 calls"),
        (1_764_000_000_000, "dateTimeAsIso", None, "2025-11-24 16:00:00"),
        (True, "", None, "true"),
        (None, "short", None, ""),
        (float("nan"), "percentunit", None, ""),
        (float("inf"), "short", None, "inf"),
        (["a", "b"], "", None, "a, b"),
        ({"skill": "ab12"}, "", None, "skill ab12"),
        (datetime(2026, 11, 24, 10, tzinfo=UTC), "", None, "2026-11-24 10:00:00"),
    ],
)
def test_a_value_with_its_unit(value: object, unit: str, decimals: int | None, shown: str) -> None:
    assert text_of(value, unit, decimals) == shown


@pytest.mark.parametrize(
    ("name", "colour"),
    [
        ("green", "#73BF69"),
        ("#123456", "#123456"),
        ("transparent", "transparent"),
        ("dark-black", "#000000"),  # black has nothing darker
        ("light-white", "#FFFFFF"),
    ],
)
def test_a_colour_by_name(name: str, colour: str) -> None:
    assert css_colour(name) == colour


def test_shades_of_a_colour_go_from_light_to_dark() -> None:
    def brightness(name: str) -> int:
        colour = css_colour(name)
        return sum(int(colour[at : at + 2], 16) for at in (1, 3, 5))

    shades = [f"{shade}blue" for shade in ("super-light-", "light-", "", "semi-dark-", "dark-")]
    assert sorted(shades, key=brightness, reverse=True) == shades
