"""Links and times as people and alerts write them."""

from __future__ import annotations

import pytest

from argus_otel.errors import ConfigError
from argus_otel.grafana.macros import TimeRange
from argus_otel.grafana.preview.visits import Visit, instant_ms, parse_visit

RANGE = TimeRange(1_000, 2_000)
NOW_MS = 1_764_000_000_000


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("now", NOW_MS),
        ("now-7d", NOW_MS - 7 * 86_400_000),
        ("now-90m", NOW_MS - 90 * 60_000),
        ("1763990000000", 1_763_990_000_000),
        ("2025-11-24T16:00", 1_764_000_000_000),
        ("2025-11-24T17:00+01:00", 1_764_000_000_000),
    ],
)
def test_an_instant(text: str, at_ms: int) -> None:
    assert instant_ms(text, NOW_MS) == at_ms


@pytest.mark.parametrize("text", ["yesterday", "now+1d", "now-1y", ""])
def test_what_is_no_instant_says_what_is(text: str) -> None:
    with pytest.raises(ConfigError, match="now-7d"):
        instant_ms(text, NOW_MS)


def test_a_link_with_everything() -> None:
    url = "https://grafana.example.com/d/argus-sessions?var-workspace=a%20b&var-workspace=c&var-sort=cost&from=5&to=9"
    assert parse_visit(url, RANGE) == Visit(
        "argus-sessions", (("workspace", ("a b", "c")), ("sort", ("cost",))), TimeRange(5, 9)
    )


def test_a_point_of_a_chart_opens_its_bucket() -> None:
    visit = parse_visit("/d/argus-sessions?time=5000&time.window=2000", RANGE)
    assert visit is not None
    assert visit.time_range == TimeRange(4_000, 6_000)


def test_a_link_without_a_range_keeps_the_reader_s() -> None:
    visit = parse_visit("/d/argus-cost", RANGE)
    assert visit is not None
    assert visit.time_range == RANGE


def test_a_link_elsewhere_is_no_visit() -> None:
    assert parse_visit("https://example.com/docs", RANGE) is None


def test_the_sources_do_not_change_the_place() -> None:
    one = parse_visit("/d/argus-cost?var-datasource=a&var-user=dev1", RANGE)
    other = parse_visit("/d/argus-cost?var-user=dev1&var-content=b", RANGE)
    another = parse_visit("/d/argus-cost?var-user=dev2", RANGE)
    assert one is not None
    assert other is not None
    assert another is not None
    assert one.anchor == other.anchor != another.anchor
