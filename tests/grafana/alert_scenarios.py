"""
Workspaces for the alert rules: some ordinary days in each, and one thing more, or less, in most. All ends at NOW, a Monday noon.

An ordinary day has six sessions, two an hour from 9 to 12, on both legs: three requests, most of their input from the cache,
one tool call that succeeds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from databases import RECEIVED_AT_NS
from native import T0_NS, Request, content, log, meter

from argus_otel.envelope import Envelope, Signal, encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from databases import Databases

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE_S = 60
HOUR_S = 3600
DAY_S = 24 * HOUR_S
DAYS = 9
VERSION = "2.1.330"
HOURS = (9, 10, 11)
TEN_O_CLOCK_S = -2 * HOUR_S
"""Where what is recent begins for most rules, as seconds from NOW, as all times here."""

SECRET = "[REDACTED:aws_access_key]"


def since_t0_s(at_s: float) -> float:
    return NOW.timestamp() - T0_NS / 1e9 + at_s


@dataclass
class Workspace:
    """What a workspace sent; each method adds something."""

    name: str
    requests: list[Request] = field(default_factory=list)
    number: int = 0

    def ordinary(self, first_day: int = DAYS, last_day: int = 0, **of: Any) -> Workspace:
        """Add ordinary days, the last one being today; `of` as for `session`."""
        for day in range(first_day, last_day - 1, -1):
            for hour in HOURS:
                for minute in (5, 20):
                    self.session(at_s=-day * DAY_S + (hour - 12) * HOUR_S + minute * MINUTE_S, **of)
        return self

    def session(
        self,
        at_s: float,
        *,
        count: int = 3,
        usd: float = 0.1,
        every_s: float = 20,
        cached: float = 0.9,
        is_ok: bool = True,
        calls: int = 1,
        legs: tuple[str, ...] = ("native", "hook"),
        email: str = "dev1@example.com",
        version: str = VERSION,
        without: tuple[str, ...] = (),
    ) -> str:
        """Add a session: `count` requests of `usd` each, one every `every_s`, and tool calls after them."""
        self.number += 1
        session = f"{self.name}-{self.number}"
        if "native" in legs:
            self._log("user_prompt", session, at_s, email, version, without, prompt="<REDACTED>", prompt_length=5)
            for index in range(count):
                self._log(
                    "api_request",
                    session,
                    at_s + index * every_s,
                    email,
                    version,
                    without,
                    **_request(f"{session}-r{index}", usd, cached),
                )
            for index in range(calls):
                of = {
                    "tool_name": "Bash",
                    "tool_use_id": f"{session}-t{index}",
                    "success": str(is_ok).lower(),
                    "duration_ms": 10,
                }
                self._log("tool_result", session, at_s + count * every_s + index, email, version, without, **of)
        if "hook" in legs:
            self._content("user_prompt", session, at_s, **{"prompt.id": f"{session}-p", "user.email": email})
        return session

    def errors(self, count: int, at_s: float, session: str) -> None:
        """Add API requests that were given up on."""
        for index in range(count):
            of = {"request_id": f"{session}-e{index}", "model": "claude-sonnet-4-5", "status_code": "529"}
            self._log("api_error", session, at_s + index, "dev1@example.com", VERSION, (), **of)

    def runs(self, command: str, at_s: float, session: str) -> None:
        """Add a tool call that was given this command."""
        of = {"gen_ai.tool.name": "Bash", "gen_ai.tool.call.arguments": f'{{"command": "{command}"}}'}
        self._content("tool_call", session, at_s, **of, **{"gen_ai.tool.call.id": f"{session}-{self.number}-{at_s}"})

    def says(self, text: str, at_s: float, session: str) -> None:
        """Add what the assistant said."""
        message = f'[{{"role": "assistant", "parts": [{{"type": "text", "content": "{text}"}}]}}]'
        self._content("assistant_message", session, at_s, **{"gen_ai.output.messages": message})

    def metered(self, usd: float, at_s: float, session: str) -> None:
        """Add what the session's cost meter says in the end."""
        at = since_t0_s(at_s)
        self.requests.append(
            meter("claude_code.cost.usage", [(at, at + 60, usd, {"model": "claude-sonnet-4-5"})], session=session)
        )

    def _log(
        self, event: str, session: str, at_s: float, email: str, version: str, without: tuple[str, ...], **of: Any
    ) -> None:
        attributes = {"prompt.id": f"{session}-p", "user.id": f"id-{email}", "user.email": email, **of}
        kept = {name: value for name, value in attributes.items() if name not in without}
        self.requests.append(
            log(event, kept, session=session, at_s=since_t0_s(at_s), resource={"service.version": version})
        )

    def _content(self, record: str, session: str, at_s: float, **of: Any) -> None:
        self.number += 1
        self.requests.append(
            content(
                record, of, session=session, at_s=since_t0_s(at_s), span_id=self.number + (hash_of(self.name) << 20)
            )
        )


def load(databases: Databases, workspaces: Sequence[Workspace]) -> None:
    """Load what all of them sent in one INSERT per signal, as the loader does with a batch of many senders."""
    segment = databases.folder / "segment"
    envelopes = [
        encode(Envelope(signal, workspace.name, RECEIVED_AT_NS, 1, 0, body))
        for workspace in workspaces
        for signal, body in workspace.requests
    ]
    segment.write_bytes(b"".join(envelopes))
    for signal in Signal.LOGS, Signal.TRACES, Signal.METRICS:
        databases.store.insert([segment], f"{databases.settings.otel_database}.otlp_{signal.name.lower()}")


def hash_of(name: str) -> int:
    """Return a number for a name, the same in every process."""
    return int.from_bytes(name.encode()[-5:], "big")


def _request(request_id: str, usd: float, cached: float) -> dict[str, Any]:
    return {
        "request_id": request_id,
        "model": "claude-sonnet-4-5",
        "query_source": "repl_main_thread",
        "cost_usd": usd,
        "input_tokens": round(1000 * (1 - cached)),
        "output_tokens": 5,
        "cache_read_tokens": round(1000 * cached),
        "cache_creation_tokens": 0,
        "duration_ms": 100,
    }


def fleet() -> Iterator[Workspace]:
    """Return every workspace of the scenarios; what each is to set off is said in the tests."""
    yield Workspace("calm").ordinary()
    yield from _sessions()
    yield from _tools()
    yield from _errors()
    yield from _caches()
    yield from _governance()
    yield from _legs()
    yield from _meters()


def _sessions() -> Iterator[Workspace]:
    # 20 requests of 3 USD in ten minutes are 6 USD a minute and 60 USD.
    runaway = Workspace("runaway").ordinary()
    runaway.session(-12 * MINUTE_S, count=20, usd=3, every_s=30)
    yield runaway
    muted = Workspace("runaway-batch").ordinary()
    muted.session(-12 * MINUTE_S, count=20, usd=3, every_s=30, email="batch@example.com")
    yield muted
    # 10 USD in the first minute, nothing after: a burst, no runaway. And 4 USD a minute.
    burst = Workspace("burst").ordinary()
    burst.session(-12 * MINUTE_S, count=2, usd=5, every_s=30)
    burst.session(-12 * MINUTE_S, count=20, usd=2, every_s=30)
    yield burst
    # 130 requests a minute for ten minutes, cheap ones.
    busy = Workspace("busy").ordinary()
    busy.session(-11 * MINUTE_S, count=1300, usd=0.0001, every_s=600 / 1300)
    yield busy
    # 60 USD over six hours, and 45.
    dear = Workspace("dear").ordinary()
    dear.session(-6 * HOUR_S, count=60, usd=1, every_s=355)
    yield dear
    costly = Workspace("costly").ordinary()
    costly.session(-6 * HOUR_S, count=45, usd=1, every_s=470)
    yield costly


def _tools() -> Iterator[Workspace]:
    failing = Workspace("failing").ordinary()
    for index in range(3):
        failing.session(TEN_O_CLOCK_S + index * 60, calls=10, is_ok=False)
    yield failing
    one = Workspace("failing-in-one").ordinary()
    one.session(TEN_O_CLOCK_S + 60, calls=40, is_ok=False)
    yield one
    always = Workspace("failing-always").ordinary(is_ok=False)
    for index in range(3):
        always.session(TEN_O_CLOCK_S + index * 60, calls=10, is_ok=False)
    yield always
    few = Workspace("failing-few").ordinary()
    for index in range(3):
        few.session(TEN_O_CLOCK_S + index * 60, calls=5, is_ok=False)
    yield few


def _errors() -> Iterator[Workspace]:
    erring = Workspace("erring").ordinary()
    for index in range(3):
        erring.errors(10, TEN_O_CLOCK_S + index * 60, erring.session(TEN_O_CLOCK_S + index * 60))
    yield erring
    one = Workspace("erring-in-one").ordinary()
    one.errors(30, TEN_O_CLOCK_S + 60, one.session(TEN_O_CLOCK_S + 60))
    yield one


def _caches() -> Iterator[Workspace]:
    cold = Workspace("cold").ordinary()
    for index in range(3):
        cold.session(TEN_O_CLOCK_S + index * 60, count=100, usd=0.001, every_s=1, cached=0.1)
    yield cold
    cool = Workspace("cool").ordinary()
    for index in range(3):
        cool.session(TEN_O_CLOCK_S + index * 60, count=100, usd=0.001, every_s=1, cached=0.8)
    yield cool
    never = Workspace("never-cached").ordinary(cached=0.3)
    for index in range(3):
        never.session(TEN_O_CLOCK_S + index * 60, count=100, usd=0.001, every_s=1, cached=0.0)
    yield never


def _governance() -> Iterator[Workspace]:
    risky = Workspace("risky").ordinary()
    risky.runs("rm -rf /etc/nginx", -HOUR_S, risky.session(-HOUR_S))
    yield risky
    # Five times a day all week is how this team works; it is of medium severity.
    resetting = Workspace("resetting").ordinary()
    for day in range(7):
        session = resetting.session(-day * DAY_S - HOUR_S)
        for index in range(5):
            resetting.runs("git reset --hard HEAD~1", -day * DAY_S - HOUR_S + index, session)
    yield resetting
    wrecking = Workspace("wrecking").ordinary()
    session = wrecking.session(-HOUR_S)
    for index in range(12):
        wrecking.runs("git reset --hard HEAD~1", -HOUR_S + index, session)
    yield wrecking
    leaking = Workspace("leaking").ordinary()
    leaking.says(" ".join([SECRET] * 25), -HOUR_S, leaking.session(-HOUR_S))
    yield leaking
    leaky = Workspace("leaky").ordinary()
    for day in range(7):
        for _ in range(10):
            leaky.says(" ".join([SECRET] * 25), -day * DAY_S - HOUR_S, leaky.session(-day * DAY_S - HOUR_S))
    yield leaky
    yield Workspace("losing").ordinary(last_day=2).ordinary(1, version="2.1.331", without=("query_source",))
    gaining = Workspace("gaining").ordinary(last_day=2, without=("query_source",))
    yield gaining.ordinary(1, version="2.1.331").ordinary(1, without=("query_source",))


def _legs() -> Iterator[Workspace]:
    yield Workspace("one-legged").ordinary(last_day=1).ordinary(0, legs=("native",))
    yield Workspace("always-one-legged").ordinary(legs=("native",))
    yield Workspace("silent").ordinary(22, 1)
    yield Workspace("small-and-silent").ordinary(21, 21).ordinary(14, 14)


def _meters() -> Iterator[Workspace]:
    apart = Workspace("apart").ordinary()
    apart.metered(12, -3 * HOUR_S, apart.session(-3 * HOUR_S, count=10, usd=1))
    yield apart
    together = Workspace("together").ordinary()
    together.metered(10.2, -3 * HOUR_S, together.session(-3 * HOUR_S, count=10, usd=1))
    yield together
    cents = Workspace("cents-apart").ordinary()
    cents.metered(0.6, -3 * HOUR_S, cents.session(-3 * HOUR_S))
    yield cents
