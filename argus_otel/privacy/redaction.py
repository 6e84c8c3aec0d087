"""
Redaction rules -> SQL expressions.

The rules are data (patterns.json), the same for the server's SQL (RE2) and the plugin's Python (re). What is not content
(content.json) is never touched: no join key can be altered. Nothing here sees a value.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from argus_otel.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


_MARK = re.compile(r"\[REDACTED:([A-Za-z0-9_.-]+)\]")
_MARK_OF_BYTES = "bytes"  # of bytes in which a rule matched, see schema/sql/otlp.jinja


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of secret; `matches` and `non_matches` are what it must and must not find."""

    name: str
    literals: tuple[str, ...]
    pattern: str
    replacement: str
    matches: tuple[str, ...] = ()
    non_matches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Redaction:
    """The rules in force; renders itself into SQL expressions over columns."""

    rules: tuple[Rule, ...]

    @property
    def marks(self) -> list[str]:
        """What `[REDACTED:…]` may say: by these rules, or by any that are packaged, since the plugin has its own settings."""
        rules = (*self.rules, *_packaged_rules("rules"), *_packaged_rules("optional_rules"))
        return sorted({_MARK_OF_BYTES, *(mark for rule in rules for mark in _MARK.findall(rule.replacement))})

    @property
    def any_pattern(self) -> str:
        """The one pattern that matches what any rule does."""
        return "|".join(
            f"(?i:{rule.pattern[4:]})" if rule.pattern.startswith("(?i)") else f"(?:{rule.pattern})"
            for rule in self.rules
        )

    def redact(self, expression: str) -> str:
        """Return the SQL of `expression` (String) with every match of every rule replaced."""
        for rule in self.rules:
            expression = f"replaceRegexpAll({expression}, {quote(rule.pattern)}, {quote(rule.replacement)})"
        return expression

    def redact_document(self, document: Any) -> Any:
        """Return a JSON document with every match in its strings replaced, keys and all that is no string as they are."""
        if isinstance(document, dict):
            return {key: self.redact_document(item) for key, item in document.items()}
        if isinstance(document, list):
            return [self.redact_document(item) for item in document]
        if isinstance(document, str):
            for rule in self.rules:
                document = re.sub(rule.pattern, rule.replacement, document, flags=re.ASCII)  # as RE2 has it
        return document

    def is_suspicious(self, expression: str) -> str:
        """Return the SQL of the prefilter: does `expression` hold a literal that every match has?"""
        literals = sorted({literal.lower() for rule in self.rules for literal in rule.literals})
        if not literals:
            return "false"
        return f"multiSearchAnyCaseInsensitive({expression}, [{', '.join(map(quote, literals))}])"

    def has_secret(self, expression: str) -> str:
        """Return the SQL that is true where any rule matches `expression`: for bytes, which cannot be redacted in part."""
        return f"match({expression}, {quote(self.any_pattern)})"

    def redact_text(self, expression: str) -> str:
        """As `redact`, but looks closely only at texts that pass the prefilter."""
        return f"if({self.is_suspicious(expression)}, {self.redact(expression)}, {expression})"

    def redact_maps(self, expression: str, is_private: str = "false", stripped: str = "[]") -> str:
        """
        Return the SQL of an Array(Map(…, String)), the maps of one record, whose content values are redacted and whose
        other values are not touched. A record whose text does not pass the prefilter stays as it is.

        Args:
            is_private: the SQL that is true for a record whose words are not to be stored at all,
            stripped: and of the maps that are left of it. Told here, because each choice between maps copies all of them.
        """
        text = f"arrayStringConcat(arrayFlatten(arrayMap(attributes -> mapValues(attributes), {expression})), char(10))"
        redacted = (
            f"mapApply((key, value) -> (key, if({is_not_content('key')}, value, {self.redact('value')})), attributes)"
        )
        close_look = f"if({is_private}, {stripped}, arrayMap(attributes -> {redacted}, {expression}))"
        return f"if({is_private} OR {self.is_suspicious(text)}, {close_look}, {expression})"


def is_not_content(key: str) -> str:
    """Return the SQL that is true for attribute keys that are known not to be content."""
    content = content_list()
    keys = ", ".join(map(quote, content["not_content"]))
    prefixes = " OR ".join(f"startsWith({key}, {quote(prefix)})" for prefix in content["not_content_prefixes"])
    return f"({key} IN ({keys}) OR {prefixes})"


def is_content(key: str) -> bool:
    """Is the value of this attribute key content? An unlisted key is."""
    content = content_list()
    return key not in content["not_content"] and not key.startswith(tuple(content["not_content_prefixes"]))


def quote(text: str) -> str:
    """Return `text` as a ClickHouse string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


@cache
def content_list() -> dict[str, Any]:
    """Return content.json: which columns and attribute keys are content."""
    data: dict[str, Any] = json.loads(_packaged("content.json"))
    return data


def load_redaction(
    enabled: tuple[str, ...] = (), disabled: tuple[str, ...] = (), extra_file: Path | None = None
) -> Redaction:
    """
    Return the packaged rules, plus optional ones by name, minus some by name, plus those of a file of the same form.

    Raises:
        ConfigError: an unknown name, or a rule that is not linear or not a regular expression.
    """
    default, optional = _packaged_rules("rules"), _packaged_rules("optional_rules")
    known = {rule.name for rule in default + optional}
    if unknown := {*enabled, *disabled} - known:
        raise ConfigError(f"unknown redaction rules {sorted(unknown)}: known are {sorted(known)}")
    rules = [rule for rule in default if rule.name not in disabled] + [
        rule for rule in optional if rule.name in enabled
    ]
    if extra_file is not None:
        rules += _rules_of(extra_file)
    return Redaction(tuple(rules))


def _packaged_rules(kind: str) -> list[Rule]:
    return [_rule(item) for item in json.loads(_packaged("patterns.json"))[kind]]


def _rules_of(file: Path) -> list[Rule]:
    try:
        return [_rule(item) for item in json.loads(file.read_text())["rules"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"redaction file {file} cannot be used: {error}") from error


def _rule(item: dict[str, Any]) -> Rule:
    rule = Rule(
        name=item["name"],
        literals=tuple(item["literals"]),
        pattern=item["pattern"],
        replacement=item["replacement"],
        matches=tuple(item.get("matches", ())),
        non_matches=tuple(item.get("non_matches", ())),
    )
    try:
        re.compile(rule.pattern, re.ASCII)
    except re.error as error:
        raise ConfigError(f"redaction rule {rule.name} is no regular expression: {error}") from error
    if re.search(r"[+*}]\)[+*{]|\(\?[=!<]", rule.pattern):
        raise ConfigError(f"redaction rule {rule.name} nests quantifiers or looks around: it may not be linear")
    if not rule.literals:
        raise ConfigError(f"redaction rule {rule.name} has no literals: every text would be looked at closely")
    return rule


def _packaged(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text()
