"""
The truth that a detector has to guess: what the costliest hour of a usual day costs a user, and a workspace.

That is the baseline by which an incident is judged: the median over the days with any cost, of four weeks before and after and
before anything went wrong; of weekdays, where there are enough. Who has fewer than ten such days has at least what the
workspace's users have.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import TYPE_CHECKING

from benchmarks.spending import DAYS, is_weekend

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from benchmarks.spending import User

NEAR_DAYS = 28
WEEKDAYS_MIN, KNOWN_DAYS = 5, 10

Scope = tuple[str, str]
"""A workspace, and a user's label; '' for the whole workspace, without those who are muted."""


class Baselines:
    """Taken from what is spent when nothing is wrong."""

    def __init__(self, users: Sequence[User]) -> None:
        self._peaks: dict[Scope, dict[int, float]] = {}
        self._colleagues: dict[str, list[Scope]] = defaultdict(list)
        workspaces: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
        for user in users:
            hours = {hour: user.cost_usd(hour) for hour in user.spent_usd}
            self._peaks[user.workspace, user.label] = _daily_peaks(hours)
            self._colleagues[user.workspace].append((user.workspace, user.label))
            if not user.is_muted:
                for hour, usd in hours.items():
                    workspaces[user.workspace][hour] += usd
        for workspace, hours in workspaces.items():
            self._peaks[workspace, ""] = _daily_peaks(hours)
        self._usual = {(scope, day): _usual(peaks, day) for scope, peaks in self._peaks.items() for day in range(DAYS)}

    def of(self, workspace: str, label: str, day: int) -> float:
        """Return USD an hour; 0 where nobody knows."""
        usd, day_count = self._usual[(workspace, label), day]
        if label and day_count < KNOWN_DAYS:
            return max(usd, self._of_others(workspace, day))
        return usd

    def _of_others(self, workspace: str, day: int) -> float:
        usual = [self._usual[scope, day] for scope in self._colleagues[workspace]]
        return statistics.median([usd for usd, day_count in usual if day_count >= KNOWN_DAYS] or [0.0])


def _daily_peaks(hours: Mapping[int, float]) -> dict[int, float]:
    peaks: dict[int, float] = defaultdict(float)
    for hour, usd in hours.items():
        peaks[hour // 24] = max(peaks[hour // 24], usd)
    return {day: usd for day, usd in peaks.items() if usd > 0}


def _usual(peaks: Mapping[int, float], day: int) -> tuple[float, int]:
    """Return the median and of how many days."""
    near = [other for other in peaks if abs(other - day) <= NEAR_DAYS]
    weekdays = [other for other in near if not is_weekend(other)]
    days = weekdays if len(weekdays) >= WEEKDAYS_MIN else near
    return _median(peaks[other] for other in days), len(days)


def _median(values: Iterable[float]) -> float:
    return statistics.median([*values] or [0.0])
