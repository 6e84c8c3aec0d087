"""
What goes wrong, made up: the users of a seed in, their spending with 60 incidents in it out, and which must be found.

Sizes are what such things cost, not what a detector finds easy. Runaway agents as people report them: 28 USD, 51 USD in an
hour, 313 USD in 8.5 hours (anthropics/claude-code issues 69578, 49275, 57719). Stolen keys: 92 USD in ten minutes, 4,200 USD in
38 hours, and slow beginnings. What is a multiple is drawn around the border of three times.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from math import exp, log
from typing import TYPE_CHECKING, Literal

from benchmarks.spending import DAYS, HOURS, is_weekend

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.baselines import Baselines
    from benchmarks.spending import User

Scope = Literal["user", "workspace"]

KINDS = {
    "runaway loop": 12,
    "leaked key": 8,
    "model switch": 6,
    "slow burn": 8,
    "crowd": 6,
    "fivefold": 8,
    "unusual hour": 6,
    "small": 6,
}
"""How many of each a seed has."""

LEARNED_BY_DAY = 14
"""No incident before: there would be nothing to compare with. What is false counts from the first day."""

APART_H = 24
"""Between two incidents of one workspace, so that it is plain which one was found."""

RATIO_MIN, COST_MIN_USD = 3.0, 5.0
FOUND_WITHIN_H = 2


@dataclass(slots=True)
class Incident:
    """One of them: `hours` from `begins` on; `users` whose spending it changes, one where the scope is a user."""

    kind: str
    scope: Scope
    workspace: str
    users: list[User]
    begins: int
    hours: int
    due: int | None = field(default=None)
    """The first hour that costs more than three times the baseline and 5 USD; None if none does."""
    times_over: float = 0.0
    """That border, at most."""
    due_by_hour: int | None = field(default=None)
    """A stricter border: since it began it has cost more than 5 USD and three times what the habits say of these very hours."""

    @property
    def label(self) -> str:
        return self.users[0].label if self.scope == "user" else ""

    @property
    def span(self) -> range:
        return range(self.begins, min(self.begins + self.hours, HOURS))


def inject(seed: int, users: Sequence[User], baselines: Baselines) -> list[Incident]:
    """Add 60 incidents to what the users spend and return them, judged."""
    rng = random.Random(f"{seed}/incidents")
    incidents: list[Incident] = []
    for kind, count in KINDS.items():
        for _ in range(count):
            incidents.append(_placed(rng, kind, users, incidents))
    for incident in incidents:
        _judge(incident, [user for user in users if user.workspace == incident.workspace], baselines)
    return incidents


def _placed(rng: random.Random, kind: str, users: Sequence[User], others: Sequence[Incident]) -> Incident:
    """Draw until it is nobody else's day; only then it is spent."""
    while True:
        drawn = _DRAWS[kind](rng, users)
        if drawn and drawn[0].begins + drawn[0].hours < HOURS and all(_are_apart(drawn[0], other) for other in others):
            incident, spend = drawn
            spend()
            return incident


def _are_apart(one: Incident, other: Incident) -> bool:
    return (
        one.workspace != other.workspace
        or one.begins >= other.begins + other.hours + APART_H
        or other.begins >= one.begins + one.hours + APART_H
    )


def _judge(incident: Incident, colleagues: Sequence[User], baselines: Baselines) -> None:
    """Judge by what was really spent in the scope, noise and all."""
    users = incident.users if incident.scope == "user" else [user for user in colleagues if not user.is_muted]
    baseline_usd = baselines.of(incident.workspace, incident.label, incident.begins // 24)
    total_usd = expected_usd = 0.0
    for hour in incident.span:
        cost_usd = sum(user.cost_usd(hour) for user in users)
        times_over = cost_usd / border_usd(baseline_usd)
        incident.times_over = max(incident.times_over, times_over)
        if times_over > 1 and incident.due is None:
            incident.due = hour
        total_usd += cost_usd
        expected_usd += sum(user.expected_usd[hour] for user in users)
        if total_usd > border_usd(expected_usd) and incident.due_by_hour is None:
            incident.due_by_hour = hour


def border_usd(baseline_usd: float) -> float:
    """Return above what an hour must be found."""
    return max(RATIO_MIN * baseline_usd, COST_MIN_USD)


_Drawn = tuple[Incident, "Callable[[], None]"] | None
"""An incident, and what makes it happen; None where the draw was of someone who does not work then."""


def _runaway(rng: random.Random, users: Sequence[User]) -> _Drawn:
    """An agent that goes round in circles at the machine's own pace until somebody looks: within an hour, while people work."""
    return _burst(rng, "runaway loop", users, _lognormal(rng, 40, 0.7))


def _burst(rng: random.Random, kind: str, users: Sequence[User], usd: float) -> _Drawn:
    user, begins = _at_work(rng, users)
    if user is None:
        return None
    return Incident(kind, "user", user.workspace, [user], begins, 1), lambda: user.spend({begins: usd})


def _leaked_key(rng: random.Random, users: Sequence[User]) -> _Drawn:
    """Somebody else works with a user's key while the user sleeps, and takes what the rate limit gives."""
    user, day = _someone(rng, users), _some_day(rng)
    begins = _utc(user, day, rng.randrange(22, 27))
    return _steady(rng, "leaked key", user, begins, rng.randint(3, 8), _lognormal(rng, 40, 1.0))


def _slow_burn(rng: random.Random, users: Sequence[User]) -> _Drawn:
    """A forgotten loop that wakes up every few minutes, for a day."""
    user, day = _someone(rng, users), _some_day(rng)
    return _steady(rng, "slow burn", user, 24 * day + rng.randrange(24), 24, _lognormal(rng, 6, 0.7))


def _unusual_hour(rng: random.Random, users: Sequence[User]) -> _Drawn:
    """Work at 1 to 5 in the night or at a weekend by someone who does not, as large as a busy hour or larger."""
    user, day = _someone(rng, users), _some_day(rng)
    by_night = rng.random() < 0.5
    if not by_night and (user.weekend_share > 0.1 or not is_weekend(day)):
        return None
    begins = _utc(user, day, rng.randint(1, 5) if by_night else rng.randrange(9, 18))
    hours = rng.randint(1, 3)
    return _steady(rng, "unusual hour", user, begins, hours, _lognormal(rng, 12, 0.8) / hours)


def _fivefold(rng: random.Random, users: Sequence[User]) -> _Drawn:
    """A user who spends about five times the usual for hours: a heavier model, agents side by side."""
    return _multiple(rng, "fivefold", users, _lognormal(rng, 5, 0.35), rng.randint(3, 6))


def _small(rng: random.Random, users: Sequence[User]) -> _Drawn:
    """What nobody needs to know: a burst of a few USD, or about twice the usual."""
    if rng.random() < 0.5:
        return _burst(rng, "small", users, rng.uniform(1, 4))
    return _multiple(rng, "small", users, rng.uniform(1.5, 2.5), rng.randint(2, 4))


def _multiple(rng: random.Random, kind: str, users: Sequence[User], multiple: float, hours: int) -> _Drawn:
    user, begins = _at_work(rng, users)
    if user is None:
        return None
    spend = _more(rng, user, range(begins, min(begins + hours, HOURS)), multiple)
    return Incident(kind, "user", user.workspace, [user], begins, hours), lambda: user.spend(spend)


def _model_switch(rng: random.Random, users: Sequence[User]) -> _Drawn:
    """A setting of the whole workspace makes every request dearer, by the ratio of two prices, for half a day to three."""
    everyone, begins = _workspace_at_work(rng, users)
    multiple, hours = _loguniform(rng, 1.8, 6), rng.randint(10, 72)

    def spend() -> None:
        for user in everyone:
            for hour in range(begins, begins + hours):
                sessions = user.spent_usd.get(hour, {})
                sessions.update({session: multiple * usd for session, usd in sessions.items()})

    return Incident("model switch", "workspace", everyone[0].workspace, everyone, begins, hours), spend


def _crowd(rng: random.Random, users: Sequence[User]) -> _Drawn:
    """Many users of a workspace at once: a hackathon, a plugin that loops in everybody's hands."""
    everyone, begins = _workspace_at_work(rng, users)
    involved = rng.sample(everyone, max(2, round(len(everyone) * rng.uniform(0.4, 0.9))))
    multiple, hours = _loguniform(rng, 2.5, 10), rng.randint(2, 6)
    more = [(user, _more(rng, user, range(begins, min(begins + hours, HOURS)), multiple)) for user in involved]

    def spend() -> None:
        for user, usd_by_hour in more:
            user.spend(usd_by_hour)

    return Incident("crowd", "workspace", everyone[0].workspace, involved, begins, hours), spend


_DRAWS: dict[str, Callable[[random.Random, Sequence[User]], _Drawn]] = {
    "runaway loop": _runaway,
    "leaked key": _leaked_key,
    "model switch": _model_switch,
    "slow burn": _slow_burn,
    "crowd": _crowd,
    "fivefold": _fivefold,
    "unusual hour": _unusual_hour,
    "small": _small,
}


def _steady(rng: random.Random, kind: str, user: User, begins: int, hours: int, usd_per_h: float) -> _Drawn:
    spend = {hour: usd_per_h * _jitter(rng) for hour in range(begins, begins + hours)}
    return Incident(kind, "user", user.workspace, [user], begins, hours), lambda: user.spend(spend)


def _more(rng: random.Random, user: User, hours: range, multiple: float) -> dict[int, float]:
    """Return what makes of the usual of a working day a multiple of it."""
    return {hour: (multiple - 1) * user.working_usd[hour] * _jitter(rng) for hour in hours}


def _someone(rng: random.Random, users: Sequence[User]) -> User:
    """Return any user but a machine: vacation or not, new or not."""
    return rng.choice([user for user in users if user.batch is None])


def _at_work(rng: random.Random, users: Sequence[User]) -> tuple[User | None, int]:
    user, day = _someone(rng, users), _some_day(rng)
    begins = _utc(user, day, user.begins + rng.randrange(8))
    return (user if user.is_there(day) and not is_weekend(day) else None), begins


def _workspace_at_work(rng: random.Random, users: Sequence[User]) -> tuple[list[User], int]:
    """Return everyone of a workspace but machines, large workspaces as often as small ones, and an hour of a working day."""
    workspace = rng.choice(sorted({user.workspace for user in users}))
    everyone = [user for user in users if user.workspace == workspace and user.batch is None]
    day = next(day for day in iter(lambda: _some_day(rng), None) if not is_weekend(day))
    return everyone, _utc(everyone[0], day, rng.randrange(9, 16), everyone[0].calendar.utc_offset_min)


def _some_day(rng: random.Random) -> int:
    return rng.randrange(LEARNED_BY_DAY, DAYS)


def _utc(user: User, day: int, local_hour: int, utc_offset_min: int | None = None) -> int:
    offset_min = user.utc_offset_min if utc_offset_min is None else utc_offset_min
    return (day * 1440 + local_hour * 60 - offset_min) // 60


def _lognormal(rng: random.Random, median: float, sigma: float) -> float:
    return median * exp(rng.gauss(0, sigma))


def _loguniform(rng: random.Random, low: float, high: float) -> float:
    return exp(rng.uniform(log(low), log(high)))


def _jitter(rng: random.Random) -> float:
    return exp(rng.gauss(0, 0.2))
