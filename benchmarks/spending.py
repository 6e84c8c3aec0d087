"""
What people spend with agents, made up: a seed in, 90 days of 300 users in 10 workspaces out, hour by hour, incidents not yet.

What each distribution stands for is written beside it. Two public figures hold the whole: enterprises see 13 USD a developer and
active day on average, and less than 30 USD for nine users in ten (code.claude.com/docs/en/costs), so users differ much. How much
the same user differs from hour to hour nobody has published: that is a guess, made before any detector was tuned.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import exp, floor, log
from statistics import NormalDist

BEGAN_AT_S = int(datetime(2026, 8, 31, tzinfo=UTC).timestamp())
"""A Monday."""

DAYS = 90
HOURS = 24 * DAYS
WORKSPACE_SIZES = (78, 56, 44, 34, 26, 20, 16, 12, 9, 5)
"""300 users; most companies have one or two large teams and a tail of small ones."""

SESSION_MEDIAN_MIN, SESSION_SIGMA, SESSION_MAX_MIN = 45.0, 0.9, 480.0
"""A quick question to a whole day: one in ten lasts longer than 140 minutes. It burns evenly, so its cost is heavy-tailed."""

SESSIONS_PER_DAY_MEDIAN, SESSIONS_PER_DAY_SIGMA = 6.0, 0.4
"""Several stand open side by side: seven hours of session in a day of nine."""

RATE_MEDIAN_USD, RATE_SIGMA = 1.1, 0.95
"""What an hour of session costs a user: models and habits differ, one in six burns more than 2.6 times the median."""

SESSION_RATE_SIGMA = 0.25
"""The same user's sessions differ less: the same model, the same habits, a longer context or a few subagents now and then."""

HOUR_SIGMA, PHASE_SIGMA, DAY_SIGMA = 0.2, 0.2, 0.25
"""Within a session from hour to hour; from week to week (a project's phases); how many sessions a day has."""

UTC_OFFSETS_MIN = (-480, -300, -300, 0, 60, 60, 120, 330, 480, 540)
"""Pacific to Japan. Six in seven of a workspace sit in its own zone, the others anywhere."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """What a whole workspace lives by; days are counted from the first, local dates are near enough."""

    utc_offset_min: int
    growth: float  # of the number of sessions, from the first day to the last
    holidays: frozenset[int]
    shutdown: frozenset[int]

    def activity(self, day: int) -> float:
        share = 0.05 if day in self.holidays else 0.1 if day in self.shutdown else 1.0
        return share * exp(log(self.growth) * day / DAYS)


@dataclass(frozen=True, slots=True)
class Batch:
    """A job by night: regular ones every night at the same hour, irregular ones some nights at any hour."""

    is_regular: bool
    median_usd: float
    local_hour: int
    hours: int

    @property
    def night_share(self) -> float:
        return 0.97 if self.is_regular else 0.3

    @property
    def sigma(self) -> float:
        return 0.2 if self.is_regular else 0.8


@dataclass(slots=True)
class User:
    """One user: habits in, `spent_usd` by hour and session out; `expected_usd` is what the habits alone say of an hour."""

    workspace: str
    label: str
    calendar: Calendar
    utc_offset_min: int
    rate_usd: float
    sessions_per_day: float
    day_share: float
    weekend_share: float
    evening_share: float
    begins: int
    first_day: int
    ramp_days: int
    last_day: int
    away: frozenset[int]
    batch: Batch | None = None
    is_muted: bool = False
    spent_usd: dict[int, dict[int, float]] = field(default_factory=dict)
    session_count: int = 0
    expected_usd: list[float] = field(default_factory=lambda: [0.0] * HOURS)
    working_usd: list[float] = field(default_factory=lambda: [0.0] * HOURS)
    """As `expected_usd`, on a day on which the user does work."""

    def is_there(self, day: int) -> bool:
        return self.first_day <= day < self.last_day and day not in self.away

    def cost_usd(self, hour: int) -> float:
        return sum(self.spent_usd.get(hour, {}).values(), 0.0)

    def spend(self, usd_by_hour: dict[int, float]) -> None:
        """Spend it in a session of its own; subagents carry their parent's session id, so they are part of it."""
        self.session_count += 1
        for hour, usd in usd_by_hour.items():
            if 0 <= hour < HOURS:
                self.spent_usd.setdefault(hour, {})[self.session_count] = usd


def organization(seed: int) -> list[User]:
    """Return the users of one seed with what they spend when nothing is wrong."""
    rng = random.Random(f"{seed}/people")
    users: list[User] = []
    for number, size in enumerate(WORKSPACE_SIZES):
        calendar = _calendar(rng)
        users += [_user(rng, f"w{number}", f"w{number}u{at}", calendar) for at in range(size)]
    _make_batch(rng, users)
    for user in users:
        if user.batch:
            _run_nightly(rng, user, user.batch)
        else:
            _work(rng, user)
    return users


def is_weekend(day: int) -> bool:
    return day % 7 >= 5


def _calendar(rng: random.Random) -> Calendar:
    weekdays = [day for day in range(DAYS) if not is_weekend(day)]
    week = rng.randrange(DAYS // 7) if rng.random() < 0.3 else None  # three in ten close for a week
    return Calendar(
        utc_offset_min=rng.choice(UTC_OFFSETS_MIN),
        growth=exp(rng.uniform(log(0.8), log(2.5))),
        holidays=frozenset(rng.sample(weekdays, 3)),
        shutdown=frozenset() if week is None else frozenset(range(7 * week, 7 * week + 7)),
    )


def _user(rng: random.Random, workspace: str, label: str, calendar: Calendar) -> User:
    is_new = rng.random() < 0.18
    is_sporadic = rng.random() < 0.1
    habit = rng.random()  # seven in ten work by day only, two in ten now and then late, the rest often
    return User(
        workspace=workspace,
        label=label,
        calendar=calendar,
        utc_offset_min=calendar.utc_offset_min if rng.random() < 6 / 7 else rng.choice(UTC_OFFSETS_MIN),
        rate_usd=_lognormal(rng, RATE_MEDIAN_USD, RATE_SIGMA),
        sessions_per_day=_lognormal(rng, SESSIONS_PER_DAY_MEDIAN, SESSIONS_PER_DAY_SIGMA),
        day_share=rng.uniform(0.05, 0.2) if is_sporadic else rng.uniform(0.5, 0.95),
        weekend_share=0.03 if habit < 0.7 else 0.15 if habit < 0.92 else 0.5,
        evening_share=0.01 if habit < 0.7 else 0.05 if habit < 0.92 else 0.2,
        begins=round(rng.gauss(9, 1)),
        first_day=rng.randrange(7, 80) if is_new else 0,
        ramp_days=21 if is_new else 0,
        last_day=rng.randrange(30, DAYS) if rng.random() < 0.04 else DAYS,
        away=_away(rng),
    )


def _away(rng: random.Random) -> frozenset[int]:
    """Half take one or two weeks off; besides, one week in sixteen somebody does other things."""
    weeks = {week for week in range(DAYS // 7 + 1) if rng.random() < 1 / 16}
    if rng.random() < 0.5:
        first = rng.randrange(DAYS // 7)
        weeks |= {first, first + rng.randrange(2)}
    return frozenset(day for week in weeks for day in range(7 * week, 7 * week + 7))


def _make_batch(rng: random.Random, users: list[User]) -> None:
    """Make nine users machines; an operator has muted most of those that are irregular, and a few others."""
    for at, user in enumerate(rng.sample(users, 9)):
        is_regular = at < 5
        user.batch = Batch(is_regular, _lognormal(rng, 25, 0.7), rng.randrange(6), rng.randint(1, 3))
        user.is_muted = at in (0, 1, 5, 6, 7)
        user.first_day, user.ramp_days, user.last_day, user.away = 0, 0, DAYS, frozenset()


def _work(rng: random.Random, user: User) -> None:
    phases = [_unit(rng, PHASE_SIGMA) for _ in range(DAYS // 7 + 1)]
    profiles = {is_off: _profile(user, is_off) for is_off in (False, True)}
    starts = {is_off: _spread(profile) for is_off, profile in profiles.items()}
    for day in range(DAYS):
        if not user.is_there(day):
            continue
        share = user.weekend_share if is_weekend(day) else user.day_share
        count = (
            user.sessions_per_day * (0.6 if is_weekend(day) else 1.0) * user.calendar.activity(day) * _ramp(user, day)
        )
        for hour, minutes in enumerate(starts[is_weekend(day)]):
            at = _utc_hour(user, day, hour)
            if 0 <= at < HOURS:
                user.working_usd[at] += count * minutes / 60 * user.rate_usd
                user.expected_usd[at] += share * count * minutes / 60 * user.rate_usd
        if rng.random() < share:
            for _ in range(_poisson(rng, count * _unit(rng, DAY_SIGMA))):
                began = _utc_hour(user, day, rng.choices(range(24), profiles[is_weekend(day)])[0]) + rng.random()
                _session(rng, user, began, user.rate_usd * phases[day // 7])


def _session(rng: random.Random, user: User, began_h: float, rate_usd: float) -> None:
    """Burn evenly from `began_h` on, an hour a bit more, an hour a bit less."""
    ends_h = began_h + min(_lognormal(rng, SESSION_MEDIAN_MIN, SESSION_SIGMA), SESSION_MAX_MIN) / 60
    rate_usd *= _unit(rng, SESSION_RATE_SIGMA)
    user.spend(
        {
            hour: (min(ends_h, hour + 1) - max(began_h, hour)) * rate_usd * _unit(rng, HOUR_SIGMA)
            for hour in range(floor(began_h), floor(ends_h) + 1)
        }
    )


def _run_nightly(rng: random.Random, user: User, batch: Batch) -> None:
    mean_usd = batch.night_share * batch.median_usd * exp(batch.sigma**2 / 2)
    for day in range(DAYS):
        hours = range(batch.local_hour, batch.local_hour + 1) if batch.is_regular else range(-4, 6)
        for hour in hours:
            for offset in range(batch.hours):
                at = _utc_hour(user, day, hour + offset)
                if 0 <= at < HOURS:
                    user.expected_usd[at] += mean_usd / len(hours) / batch.hours
        if rng.random() < batch.night_share:
            usd, begins = _lognormal(rng, batch.median_usd, batch.sigma), rng.choice(hours)
            user.spend({_utc_hour(user, day, begins + offset): usd / batch.hours for offset in range(batch.hours)})
    user.working_usd = user.expected_usd


def _profile(user: User, is_off: bool) -> list[float]:
    """Return how likely a session begins in each local hour: work with a lunch, some evenings, hardly ever by night."""
    work = [h for h in range(24) if 10 <= h < 20] if is_off else [(user.begins + h) % 24 for h in range(9)]
    weights = [0.003 / 7 if hour < 7 else 0.01 / 17 for hour in range(24)]
    for hour in work:
        weights[hour] += (1 - user.evening_share) / len(work) * (0.5 if hour == 12 else 1.0)
    for hour in range(20, 24):
        weights[hour] += user.evening_share / 4
    return [weight / sum(weights) for weight in weights]


def _spread(profile: list[float]) -> list[float]:
    """Return the minutes of session expected in each hour of the day and the next morning, of one session a day."""
    minutes = [0.0] * 33
    for hour, weight in enumerate(profile):
        for later, expected in enumerate(_KERNEL):
            minutes[hour + later] += weight * expected
    return minutes


def _kernel() -> list[float]:
    """Return the expected minutes of a session in the hour it begins in, the next, and so on."""
    minutes = [0.0] * 10
    quantiles = [NormalDist().inv_cdf((at + 0.5) / 200) for at in range(200)]
    for quantile in quantiles:
        lasts = min(SESSION_MEDIAN_MIN * exp(SESSION_SIGMA * quantile), SESSION_MAX_MIN)
        for begins in range(0, 60, 5):
            for hour in range(10):
                overlap = min(begins + lasts, 60 * (hour + 1)) - max(begins, 60 * hour)
                minutes[hour] += max(0.0, overlap) / 200 / 12
    return minutes[:9]


_KERNEL = _kernel()


def _ramp(user: User, day: int) -> float:
    """A newcomer begins with a third and is at home after three weeks."""
    return min(1.0, 0.3 + 0.7 * (day - user.first_day) / user.ramp_days) if user.ramp_days else 1.0


def _utc_hour(user: User, day: int, local_hour: int) -> int:
    return (day * 1440 + local_hour * 60 - user.utc_offset_min) // 60


def _lognormal(rng: random.Random, median: float, sigma: float) -> float:
    return median * exp(rng.gauss(0, sigma))


def _unit(rng: random.Random, sigma: float) -> float:
    """Return a lognormal factor whose mean is 1."""
    return exp(rng.gauss(-(sigma**2) / 2, sigma))


def _poisson(rng: random.Random, mean: float) -> int:
    count, left = 0, rng.expovariate(1.0)
    while left < mean:
        count, left = count + 1, left + rng.expovariate(1.0)
    return count
