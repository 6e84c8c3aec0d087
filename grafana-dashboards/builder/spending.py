"""
Cost over time, by whatever it is told apart by: the same chart on each dashboard that has one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder import links, look
from builder.panels import timeseries
from builder.queries import BUCKET, chosen, named, series, within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from builder import Json

SPENT = chosen("workspace", "surface", "team", "user", "model")
"""What every filter leaves of argus.cost_hourly."""


def over_time(variable: str, colours: Sequence[Json]) -> Json:
    """
    Return the cost by a column that is a variable too: model, surface.

    Args:
        colours: the overrides that give each series its own.
    """
    name = f"{variable}_name"
    return timeseries(
        f"Cost by {variable}",
        f"USD per bucket. A click on a bar opens the sessions of just that time and {variable}.",
        series(f"""
            SELECT {BUCKET} AS time, {named(variable)} AS {name}, sum(cost_nanousd) / 1e9 AS cost
            FROM argus.cost_hourly
            WHERE {within("hour")} AND {SPENT}
            GROUP BY time, {name}
            ORDER BY time, {name}"""),
        look.USD,
        label=name,
        style="bars",
        stacked=True,
        links=[links.to_sessions(when=links.POINT, **{variable: f"${{__field.labels.{name}:percentencode}}"})],
        overrides=colours,
    )
