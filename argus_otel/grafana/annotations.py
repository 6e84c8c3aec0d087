"""
(annotation as a rule has it, labels and values of an instance) -> its text, as Grafana expands it: the part of Go's
text/template that our rules use. Whatever else stands between the braces is an error, and so is a value that is not there,
where Grafana would print `[no value]` into somebody's pager.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from argus_otel.errors import ArgusError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Operand = str | float


class TemplateError(ArgusError):
    """A template uses what this part of the language has not, or names a label or a value that the instance has not."""


def expand(template: str, labels: Mapping[str, str], values: Mapping[str, float], external_url: str) -> str:
    """
    Return the annotation's text.

    Args:
        values: what `$values` holds: per expression its number.
        external_url: Grafana's own address; it ends in a slash, as Grafana's does.

    Raises:
        TemplateError: unknown syntax, label, value or function, or a number that Go would print as 1.7954e+12.
    """

    def written(action: re.Match[str]) -> str:
        text = _evaluated(_words(action[1]), labels, values, external_url)
        if not isinstance(text, str):
            raise TemplateError(f'{action[0]} prints a bare number: give it a form, as {{{{ printf "%.2f" … }}}}')
        return text

    expanded = _ACTION.sub(written, template)
    if "{{" in expanded or "}}" in expanded:
        raise TemplateError(f"braces that do not match: {template!r}")
    return expanded


_ACTION = re.compile(r"\{\{ (.*?) \}\}")
_WORD = re.compile(r'"[^"\\]*"|[^\s"|()]+|[|()]')


def _words(action: str) -> list[str]:
    words = _WORD.findall(action)
    if "".join(words) != re.sub(r'\s+(?=(?:[^"]*"[^"]*")*[^"]*$)', "", action):
        raise TemplateError(f"cannot read {action!r}")
    return words


def _evaluated(words: list[str], labels: Mapping[str, str], values: Mapping[str, float], external_url: str) -> Operand:
    """Evaluate one call, `name operand…`, or one operand; pipes, parentheses and keywords are not of this part."""
    if not words:
        raise TemplateError("an empty action")
    name, *rest = words
    if name not in FUNCTIONS and name != "externalURL":
        if rest:
            raise TemplateError(f"{name!r} is no function of {', '.join(sorted([*FUNCTIONS, 'externalURL']))}")
        return _operand(name, labels, values)
    if name == "externalURL":
        return external_url
    return FUNCTIONS[name]([_operand(word, labels, values) for word in rest])


def _operand(word: str, labels: Mapping[str, str], values: Mapping[str, float]) -> Operand:
    if word.startswith('"'):
        return word[1:-1]
    if label := re.fullmatch(r"\$labels\.(\w+)", word):
        if label[1] not in labels:
            raise TemplateError(f"the instance has no label {label[1]!r}: it has {', '.join(sorted(labels))}")
        return labels[label[1]]
    if value := re.fullmatch(r"\$values\.(\w+)\.Value", word):
        if value[1] not in values:
            raise TemplateError(f"the instance has no value {value[1]!r}: it has {', '.join(sorted(values))}")
        return values[value[1]]
    raise TemplateError(f"cannot read {word!r}: $labels.name, $values.name.Value or a text in quotes")


def _printf(operands: list[Operand]) -> str:
    form, *rest = operands
    if not isinstance(form, str):
        raise TemplateError("printf wants its form first, as a text")
    verbs = re.findall(r"%(?!%)[^a-zA-Z]*[a-zA-Z]", form.replace("%%", ""))
    if len(verbs) != len(rest) or any(not re.fullmatch(r"%(\.\d+)?f", verb) for verb in verbs):
        raise TemplateError(f"printf writes numbers with %f or %.2f, one for each of its operands: {form!r}")
    if any(isinstance(operand, str) for operand in rest):
        raise TemplateError(f"printf {form!r} is given a text")
    return form % tuple(rest)


def _urlquery(operands: list[Operand]) -> str:
    (text,) = operands
    if not isinstance(text, str):
        raise TemplateError("urlquery is given a number: give it a form first")
    return quote_plus(text, safe="")


def _humanize_percentage(operands: list[Operand]) -> str:
    (share,) = operands
    if isinstance(share, str):
        raise TemplateError("humanizePercentage is given a text")
    return f"{share * 100:.4g}%"


FUNCTIONS: Mapping[str, Callable[[list[Operand]], str]] = {
    "printf": _printf,
    "urlquery": _urlquery,
    "humanizePercentage": _humanize_percentage,
}
