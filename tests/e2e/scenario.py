"""
What a session is to do, said in full before it runs: the model's side of it (the scripted API answers by it), the user's
side, and what must come out. Nothing of it is learned from what the session sends.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

WITHHELD = None
"""The outcome of a call that its user denied: it neither succeeded nor failed."""


@dataclass(frozen=True)
class Call:
    """One tool call: what the model asks for, and what the tool says to it."""

    tool: str
    input: Mapping[str, Any]
    says: object = None
    """What stands in its output, or in its error if it failed; see `said` in the tests for where a tool puts it."""
    success: bool | None = True
    agent: Script | None = None
    """What the subagent does that this call starts."""


@dataclass(frozen=True)
class Outage:
    """The API answers with an error so many times before it answers."""

    status: int
    times: int


@dataclass(frozen=True)
class Script:
    """One prompt, what the model does about it and its last words. A step with several calls asks for all of them at once."""

    prompt: str
    steps: tuple[tuple[Call, ...] | Outage, ...]
    answer: str
    results_count: int = 1
    """Answers to wait for: one more where a background agent reports back."""

    @property
    def batches(self) -> list[tuple[Call, ...]]:
        return [step for step in self.steps if not isinstance(step, Outage)]

    def outage_before(self, batch_index: int) -> Outage | None:
        """Return the outage that stands before the n-th batch of calls, or before the answer."""
        passed = 0
        for step in self.steps:
            if not isinstance(step, Outage):
                passed += 1
            elif passed == batch_index:
                return step
        return None

    def calls(self) -> Iterator[Call]:
        for batch in self.batches:
            for call in batch:
                yield call
                if call.agent:
                    yield from call.agent.calls()


@dataclass(frozen=True)
class Command:
    """A prompt that the plugin answers itself: the model never sees it."""

    prompt: str


@dataclass(frozen=True)
class Scenario:
    """A session. Each of `processes` is one run of the SDK; the second and later ones resume the session."""

    model: str
    processes: tuple[tuple[Script | Command, ...], ...]
    files: Mapping[str, str] = field(default_factory=dict)
    denied_tools: tuple[str, ...] = ()
    report_answer: str = "Noted."
    """What the model says when a background agent reports back."""

    @property
    def scripts(self) -> list[Script]:
        return [turn for turns in self.processes for turn in turns if isinstance(turn, Script)]

    @property
    def agents(self) -> list[Script]:
        return [call.agent for script in self.scripts for call in script.calls() if call.agent]

    def calls(self) -> Iterator[Call]:
        for script in self.scripts:
            yield from script.calls()
