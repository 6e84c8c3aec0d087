"""
(seed, now) -> two weeks of a small team, ending now: five people, some 250 sessions, one of which loops.

Deterministic: the same seed and the same instant give the same bytes. Shaped like work: weekdays, mostly from nine to
six, UTC. Cost follows from tokens at list price.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING

from argus_otel.demo import hooks, native, phrases
from argus_otel.demo.work import MS_NS, S_NS, ApiCall, Member, Outcome, Session, ToolCall, Turn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from argus_otel.demo.otlp import Request
    from argus_otel.demo.phrases import Task

DAY_COUNT = 14
SPIKE_FACTOR = 10
"""The looping session alone costs so many times an ordinary weekday."""

_MEMBERS = (
    Member("dev1@example.com", "payments", "payments-api", ("claude-code",), has_hooks=True),
    Member("dev2@example.com", "payments", "ledger", ("claude-code",), has_hooks=False),
    Member("dev3@example.com", "payments", "payments-api", ("agent-sdk",), has_hooks=True),
    Member("dev4@example.com", "search", "search-index", ("claude-code",), has_hooks=True),
    Member("dev5@example.com", "search", "search-index", ("cowork", "cowork", "claude-code"), has_hooks=False),
)
_LOOPING = _MEMBERS[2]
_MODELS = ("claude-sonnet-4-5", "claude-sonnet-4-5", "claude-sonnet-4-5", "claude-haiku-4-5", "claude-opus-4-5")
_HOURS = range(8, 19)
_HOUR_WEIGHTS = (1, 3, 5, 4, 2, 2, 4, 5, 4, 3, 1)
_FAILURE_SHARE, _REJECTED_SHARE = 0.06, 0.04


def requests(seed: int, now_ns: int) -> Iterator[list[Request]]:
    """Yield the OTLP requests of one session after the other, oldest first: one per signal of each leg."""
    for session in sessions(seed, now_ns):
        yield requests_of(session)


def requests_of(session: Session) -> list[Request]:
    """Return the requests of one session; the last one holds its native events."""
    content = [hooks.request(session)] if session.has_hooks else []
    return [*content, *native.requests(session)]


def sessions(seed: int, now_ns: int) -> list[Session]:
    """Return the sessions that ended by `now_ns`, by their start."""
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    today = datetime.fromtimestamp(now_ns // S_NS, UTC).replace(hour=0, minute=0, second=0)
    days = [today - timedelta(days=DAY_COUNT - 1 - index) for index in range(DAY_COUNT)]
    worked = {
        day: [made for member in _MEMBERS for made in _day(chance, member, day) if made.ended_at_ns <= now_ns]
        for day in days
    }
    ordinary = [
        sum(session.cost_nanousd for session in worked[day]) for day in days if worked[day] and _is_weekday(day)
    ]
    looping = _looping(chance, _LOOPING, _spike_day(days), SPIKE_FACTOR * int(median(ordinary)))
    everything = [looping, *(session for day in days for session in worked[day])]
    return sorted(
        (session for session in everything if session.ended_at_ns <= now_ns), key=lambda session: session.started_at_ns
    )


def _is_weekday(day: datetime) -> bool:
    return day.weekday() < 5


def _spike_day(days: Sequence[datetime]) -> datetime:
    return [day for day in days[:-2] if _is_weekday(day)][-1]


def _day(chance: random.Random, member: Member, day: datetime) -> Iterator[Session]:
    count = chance.choice((4, 5, 6)) if _is_weekday(day) else chance.choice((0, 0, 0, 1))
    for _ in range(count):
        [hour] = chance.choices(_HOURS, _HOUR_WEIGHTS)
        start = day + timedelta(hours=hour, seconds=chance.randrange(3600))
        yield _session(chance, member, int(start.timestamp()) * S_NS + chance.randrange(1000) * MS_NS)


def _session(chance: random.Random, member: Member, at_ns: int) -> Session:
    surface = chance.choice(member.surfaces)
    tasks = [chance.choice(phrases.OFFICE_TASKS if surface == "cowork" else phrases.TASKS)]
    tasks += chance.sample(phrases.FOLLOW_UPS, chance.randrange(len(phrases.FOLLOW_UPS)))
    session_id, model = _uuid(chance), chance.choice(_MODELS)
    turns: list[Turn] = []
    context_tokens = chance.randrange(20_000, 60_000)
    for task in tasks:
        turns.append(_turn(chance, task, model, at_ns, context_tokens))
        at_ns = turns[-1].ended_at_ns + chance.randrange(20, 400) * S_NS
        context_tokens += 9_000
    return Session(session_id, member, surface, tuple(turns))


def _turn(chance: random.Random, task: Task, model: str, at_ns: int, context_tokens: int) -> Turn:
    calls: list[ApiCall] = []
    prompt_id, said_at_ns = _uuid(chance), at_ns
    for index, step in enumerate((*task.steps, None)):
        tool = _tool(chance, step) if step else None
        says = step.says if step else task.answer
        calls.append(_call(chance, model, at_ns, context_tokens + 3_000 * index, says, tool))
        at_ns = calls[-1].returned_at_ns + 30 * MS_NS
    return Turn(prompt_id, said_at_ns, task.prompt, tuple(calls))


def _call(
    chance: random.Random, model: str, at_ns: int, context_tokens: int, says: str, tool: ToolCall | None
) -> ApiCall:
    duration_ms = chance.randrange(1_500, 9_000)
    return ApiCall(
        request_id=f"req_{chance.getrandbits(80):020x}",
        message_id=_uuid(chance),
        ended_at_ns=at_ns + duration_ms * MS_NS,
        duration_ms=duration_ms,
        model=model,
        input_tokens=chance.randrange(5, 400),
        output_tokens=chance.randrange(100, 1_600),
        cache_read_tokens=context_tokens,
        cache_creation_tokens=chance.randrange(1_500, 6_000),
        text=says,
        tool=tool,
    )


def _tool(chance: random.Random, step: phrases.Step) -> ToolCall:
    luck = chance.random()
    outcome: Outcome = "success"
    if step.tool == "Bash" and luck < _FAILURE_SHARE:
        outcome = "failure"
    elif step.tool == "Edit" and luck < _REJECTED_SHARE:
        outcome = "rejected"
    output = phrases.FAILURE if outcome == "failure" else step.output
    duration_ms = 0 if outcome == "rejected" else chance.randrange(20, 4_000)
    return ToolCall(_tool_use_id(chance), step.tool, step.input, output, outcome, duration_ms)


def _looping(chance: random.Random, member: Member, day: datetime, cost_nanousd: int) -> Session:
    """An agent that meets the same error again and again, its context growing, until it has spent `cost_nanousd`."""
    model, at_ns = "claude-opus-4-5", int((day + timedelta(hours=10, minutes=17)).timestamp()) * S_NS
    setup = _turn(chance, phrases.LOOP_SETUP, model, at_ns, 30_000)
    said_at_ns = at_ns = setup.ended_at_ns + 45 * S_NS
    calls: list[ApiCall] = []
    spent_nanousd = sum(call.cost_nanousd for call in setup.calls)
    while spent_nanousd < cost_nanousd:
        calls.append(_looping_call(chance, model, at_ns, index=len(calls)))
        at_ns = calls[-1].returned_at_ns + 30 * MS_NS
        spent_nanousd += calls[-1].cost_nanousd
    calls.append(_call(chance, model, at_ns, 60_000, phrases.LOOP_ANSWER, None))
    loop = Turn(_uuid(chance), said_at_ns, phrases.LOOP_PROMPT, tuple(calls))
    return Session(_uuid(chance), member, "agent-sdk", (setup, loop))


def _looping_call(chance: random.Random, model: str, at_ns: int, index: int) -> ApiCall:
    tool_input = {"command": phrases.LOOP_COMMAND}
    tool = ToolCall(
        _tool_use_id(chance), "Bash", tool_input, phrases.LOOP_FAILURE, "failure", chance.randrange(6_000, 15_000)
    )
    says = phrases.LOOP_SAYS[index % len(phrases.LOOP_SAYS)]
    call = _call(chance, model, at_ns, min(40_000 + 1_200 * index, 170_000), says, tool)
    # The whole log goes in anew each time, past every cache.
    return replace(
        call, input_tokens=chance.randrange(14_000, 22_000), cache_creation_tokens=chance.randrange(16_000, 28_000)
    )


def _uuid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def _tool_use_id(chance: random.Random) -> str:
    return f"toolu_{chance.getrandbits(80):020x}"
