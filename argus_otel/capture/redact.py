"""
A value -> the same without secrets, and how many of which kind there were: never which.

The rules are those of the server, read from the same file, `../privacy/patterns.json`; for the same text they do the same as
its SQL. A value that is no text is redacted string by string, each with its key before it, so that it is still the JSON that
it was.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, NamedTuple

from argus_otel.capture.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    Counts = dict[str, int]
    """Name of a rule -> how many secrets it took out."""

_PRIVACY_DIR = __file__.replace(os.sep, "/").rpartition("/")[0] + "/../privacy"
# How far a match reaches before and at least after a literal of its rule, with room to spare. Only there is looked closely.
_BEFORE_MAX = 128
_AFTER_MAX = 512
_SHORT_MAX = 4096
_DEPTH_MAX = 64
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class Rule(NamedTuple):
    """One kind of secret. Whatever `pattern` matches contains one of `literals`, which are in lower case, in any case."""

    name: str
    literals: tuple[str, ...]
    pattern: re.Pattern[str]
    replacement: str


def load_rules(path: str | None = None, optional: Iterable[str] = ()) -> tuple[Rule, ...]:
    """
    Read the rules of the package, or of a file like it; of its optional rules those that are named.

    Raises:
        SettingsError: there is no such file, or a rule that cannot be used: nothing may be sent then.
    """
    path = path or f"{_PRIVACY_DIR}/patterns.json"
    try:
        data = _read_json(path)
        wanted = {item["name"]: item for item in data.get("optional_rules", ())}
        items = [*data["rules"], *(wanted[name] for name in optional)]
        return tuple(_rule(item) for item in items)
    except (OSError, ValueError, KeyError, TypeError, re.error) as error:
        raise SettingsError(f"redaction rules {path!r} cannot be used: {type(error).__name__}: {error}") from error


def candidates(text: str, rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Return the rules that have a literal in `text`: the others find nothing in it, nor in a part of it."""
    if not rules:
        return ()
    folded = _folded(text)
    return tuple(rule for rule in rules if any(literal in folded for literal in rule.literals))


def redact_text(text: str, rules: Sequence[Rule], counts: Counts) -> str:
    """Return `text` with every match of every rule replaced, one rule after the other; adds to `counts`."""
    folded = ""
    for rule in rules:
        folded = folded or _folded(text)
        if any(literal in folded for literal in rule.literals):
            redacted = _replaced(text, folded, rule, counts)
            folded = folded if redacted is text else ""
            text = redacted
    return text


def redact_value(value: Any, rules: Sequence[Rule], counts: Counts, depth: int = 0) -> Any:
    """
    Return a value of JSON with its strings redacted, and a value that its key makes a secret (`{"password": …}`); a
    number that is one becomes a string. Adds to `counts`.
    """
    if isinstance(value, str):
        return redact_text(value, rules, counts)
    if not isinstance(value, (dict, list)):
        return value
    if depth == _DEPTH_MAX:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        redacted = redact_text(text, rules, counts)
        return value if redacted == text else redacted
    if isinstance(value, list):
        return [redact_value(item, rules, counts, depth + 1) for item in value]
    return {
        redact_text(key, rules, counts): _redact_item(key, item, rules, counts, depth) for key, item in value.items()
    }


def note(counts: Counts) -> str:
    """Return what `argus.redactions` says: a JSON object, empty if nothing was redacted."""
    return json.dumps(counts, sort_keys=True, separators=(",", ":")) if counts else ""


def _redact_item(key: str, value: Any, rules: Sequence[Rule], counts: Counts, depth: int) -> Any:
    if isinstance(value, str):
        return _redact_under(f'{key}":"', value, rules, counts)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        text = json.dumps(value)
        redacted = _redact_under(f'{key}":', text, rules, counts)
        return value if redacted == text else redacted
    return redact_value(value, rules, counts, depth + 1)


def _redact_under(key: str, text: str, rules: Sequence[Rule], counts: Counts) -> str:
    found: Counts = {}
    redacted = redact_text(key + text, rules, found)
    if not redacted.startswith(key):  # a secret in the key itself: it is counted with the key
        return redact_text(text, rules, counts)
    for rule, count in found.items():
        counts[rule] = counts.get(rule, 0) + count
    return redacted[len(key) :]


def _replaced(text: str, folded: str, rule: Rule, counts: Counts) -> str:
    parts: list[str] = []
    done = count = 0
    for match in _matches(text, folded, rule):
        replacement = match.expand(rule.replacement) if "\\" in rule.replacement else rule.replacement
        parts += (text[done : match.start()], replacement)
        done = match.end()
        count += replacement != match.group()  # what was redacted before may look like a secret still
    if not count:
        return text
    counts[rule.name] = counts.get(rule.name, 0) + count
    parts.append(text[done:])
    return "".join(parts)


def _matches(text: str, folded: str, rule: Rule) -> Iterator[re.Match[str]]:
    """Yield what `finditer` would, but look only around literals: scanning ten megabytes with one rule takes a second."""
    if len(text) <= _SHORT_MAX:
        yield from rule.pattern.finditer(text)
        return
    at = 0
    for start, end in _windows(folded, rule.literals):
        at = max(at, start)
        if end == len(text):
            yield from rule.pattern.finditer(text, at)
            return
        while at < end:
            seen = rule.pattern.search(text, at, end)
            if not seen:
                break
            # The end of the window may have cut the match short, or made one.
            whole = rule.pattern.match(text, seen.start())
            at = max(whole.end(), seen.start() + 1) if whole else seen.start() + 1
            if whole:
                yield whole


def _windows(folded: str, literals: Sequence[str]) -> Iterator[tuple[int, int]]:
    start = end = 0
    for at in sorted(at for literal in literals for at in _positions(folded, literal)):
        if at - _BEFORE_MAX > end:
            if end:
                yield start, end
            start = at - _BEFORE_MAX
        end = min(len(folded), at + _AFTER_MAX)
    if end:
        yield start, end


def _positions(folded: str, literal: str) -> Iterator[int]:
    at = folded.find(literal)
    while at >= 0:
        yield at
        at = folded.find(literal, at + 1)


def _folded(text: str) -> str:
    # In lower case, each character in its place: İ is the only one that would become two.
    return text.replace("\u0130", "i").lower()


def _rule(item: dict[str, Any]) -> Rule:
    # \s of RE2 does not hold the vertical tab, that of re does.
    pattern = _ESCAPE.sub(lambda escape: " \\t\\n\\f\\r" if escape[1] == "s" else escape[0], item["pattern"])
    literals = tuple(literal.lower() for literal in item["literals"])
    return Rule(item["name"], literals, re.compile(pattern, re.ASCII), item["replacement"])


def _read_json(path: str) -> Any:
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs milliseconds at start
        return json.load(file)
