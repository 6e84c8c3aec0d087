"""
Rules for risky actions in what tool calls are given (risk_rules.json) -> what the templates of sql/ make findings of.

A rule counts its matches in the words that it is `of`. Nothing here sees a value.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Severity = Literal["low", "medium", "high"]
Words = Literal["command", "path", "url", "written_path", "without_sandbox"]

_NOTHING = r"[^\s\S]"


@dataclass(frozen=True, slots=True)
class RiskRule:
    """One kind of risky action; `matches` and `non_matches` are what it must and must not find."""

    name: str
    category: str
    severity: Severity
    of: tuple[Words, ...]
    literals: tuple[str, ...]
    pattern: str
    unless: str
    matches: tuple[str, ...]
    non_matches: tuple[str, ...]

    def count(self, words: str) -> int:
        """Return how often the rule matches, as the engine counts it."""
        found = (match[0] for match in re.finditer(self.pattern, words, re.ASCII))
        return sum(re.search(self.unless, one, re.ASCII) is None for one in found)


@cache
def risk_rules() -> tuple[RiskRule, ...]:
    """Return the packaged rules, in order."""
    document = json.loads(resources.files(__package__).joinpath("risk_rules.json").read_text())
    return tuple(_rule(item, document["parts"]) for item in document["rules"])


def _rule(item: Mapping[str, Any], parts: Mapping[str, str]) -> RiskRule:
    pattern = item["pattern"]
    for name, part in parts.items():
        pattern = pattern.replace(f"{{{name}}}", part)
    return RiskRule(
        name=item["name"],
        category=item["category"],
        severity=item["severity"],
        of=tuple(item["of"]),
        literals=tuple(item["literals"]),
        pattern=pattern,
        unless=item.get("unless", _NOTHING),
        matches=tuple(item["matches"]),
        non_matches=tuple(item["non_matches"]),
    )
