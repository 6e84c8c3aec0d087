"""
What the made-up team's work consists of: members, sessions, turns, calls. Values only; times are ns since the epoch.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from argus_otel.schema.prices import model_prices

if TYPE_CHECKING:
    from collections.abc import Mapping

MS_NS = 1_000_000
S_NS = 1_000_000_000

Surface = Literal["claude-code", "agent-sdk", "cowork"]
Outcome = Literal["success", "failure", "rejected"]


PRICES = model_prices()


@dataclass(frozen=True, slots=True)
class Member:
    """One of the team; `has_hooks`: the capture plugin is installed."""

    email: str
    team: str
    repository: str
    surfaces: tuple[Surface, ...]
    has_hooks: bool

    @property
    def user_id(self) -> str:
        """The random id of an installation."""
        return hashlib.sha256(self.email.encode()).hexdigest()

    @property
    def account_id(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{self.email}"))


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One tool call. The name is the one that hooks say, e.g. mcp__tracker__get_issue."""

    tool_use_id: str
    name: str
    input: Mapping[str, str]
    output: str
    outcome: Outcome
    duration_ms: int

    @property
    def response(self) -> Any:
        """The output as hooks are told it."""
        if self.name == "Bash":
            return {"stdout": self.output, "stderr": "", "interrupted": False, "isImage": False}
        if self.name == "Read":
            line_count = self.output.count("\n") + 1
            file = {"filePath": self.input["file_path"], "content": self.output, "numLines": line_count, "startLine": 1}
            return {"type": "text", "file": {**file, "totalLines": line_count}}
        if self.name == "Skill":
            return {"success": True, "commandName": self.input["skill"]}
        return [{"type": "text", "text": self.output}] if self.name.startswith("mcp__") else self.output


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One call of the model: what it took, what was said, and the tool it asked for, if any."""

    request_id: str
    message_id: str
    ended_at_ns: int
    duration_ms: int
    model: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_creation_tokens: int
    text: str
    tool: ToolCall | None

    @property
    def cost_nanousd(self) -> int:
        price = PRICES[self.model]
        return (
            self.input_tokens * price.input_nanousd
            + self.output_tokens * price.output_nanousd
            + self.cache_read_tokens * price.cache_read_nanousd
            + self.cache_creation_tokens * price.cache_creation_nanousd
        )

    @property
    def decided_at_ns(self) -> int:
        """When the tool was allowed or rejected."""
        return self.ended_at_ns + 40 * MS_NS

    @property
    def returned_at_ns(self) -> int:
        """When the tool was done; the end of the call if it asked for none."""
        return self.decided_at_ns + self.tool.duration_ms * MS_NS if self.tool else self.ended_at_ns


@dataclass(frozen=True, slots=True)
class Turn:
    """One prompt and what followed; the last call asks for no tool and answers."""

    prompt_id: str
    at_ns: int
    prompt: str
    calls: tuple[ApiCall, ...]

    @property
    def ended_at_ns(self) -> int:
        return self.calls[-1].returned_at_ns


@dataclass(frozen=True, slots=True)
class Session:
    """One session; native telemetry always, hooks where the member has the plugin."""

    session_id: str
    member: Member
    surface: Surface
    turns: tuple[Turn, ...]

    @property
    def has_hooks(self) -> bool:
        return self.member.has_hooks and self.surface != "cowork"

    @property
    def calls(self) -> list[ApiCall]:
        return [call for turn in self.turns for call in turn.calls]

    @property
    def started_at_ns(self) -> int:
        return self.turns[0].at_ns - S_NS

    @property
    def ended_at_ns(self) -> int:
        return self.turns[-1].ended_at_ns + S_NS

    @property
    def cost_nanousd(self) -> int:
        return sum(call.cost_nanousd for call in self.calls)
