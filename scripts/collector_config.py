"""
Write the generated parts of collector-config/, or with --check say which have drifted: what is content from
privacy/content.json, what in it is a secret from privacy/patterns.json.

Attribute keys go into the collector's redaction processor, which can keep those listed and drop all others. Secrets are
replaced by its transform processor, with the marks that argus-otel leaves itself; the redaction processor masks what a
transformation does not reach: values that are lists or maps.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from argus_otel.privacy.redaction import content_list, load_redaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from argus_otel.privacy.redaction import Rule

FOLDER = Path(__file__).parent.parent / "collector-config"
NAMES = r"^(claude_code|argus|gen_ai)[.][a-z_.]+$|^tool[.]output$"
"""Names of spans and their events that are the agents' or ours; any other may be words."""


def without_content() -> str:
    """Return the processors that keep numbers and labels only."""
    return f"""\
transform/without_content:
  error_mode: propagate # rather lost than told
  trace_statements:
    - statements:
{_listed(_spans_without_words(), 8)}
    - statements: # apart: a span without events would not be looked at
{_listed(_events_without_words(), 8)}

redaction/without_content: # metrics and traces: resource, scope, span, event, data point
  allow_all_keys: false # nothing but the keys listed, with their values as they are
  summary: silent
{_kept_keys()}"""


def redacted() -> str:
    """Return the processors that replace secrets in content and leave all other attributes alone."""
    return f"""\
transform/redacted:
  error_mode: propagate # rather lost than stored with a secret
  log_statements:
    - statements:
{_listed(_redacted_log(), 8)}
  trace_statements:
    - statements:
{_listed(_redacted_span(), 8)}
    - statements:
{_listed(_redacted_event(), 8)}

redaction/redacted: # what is left: lists and maps, resources, scopes, data points
  allow_all_keys: true
  redact_all_types: true
  summary: silent
  blocked_values:
{_listed((rule.pattern for rule in _rules()), 4)}
  allowed_values: # marks that a rule would take for a secret again
{_listed(_marks_that_match(), 4)}
{_kept_keys()}"""


def parts() -> dict[str, dict[str, str]]:
    """Return file -> name of the part -> its text."""
    return {
        "split.yaml": {"without_content": without_content()},
        "clickhouse-direct.yaml": {"redacted": redacted()},
    }


def drifted(*, write: bool) -> list[str]:
    """Return the files whose generated parts differ; with `write` put them right."""
    found = []
    for name, texts in parts().items():
        file = FOLDER / name
        before = after = file.read_text()
        for part, text in texts.items():
            head, rest = after.split(f"  # generated: {part}\n", 1)
            tail = rest.split("  # /generated\n", 1)[1]
            after = f"{head}  # generated: {part}\n{textwrap.indent(text, '  ')}\n  # /generated\n{tail}"
        if after != before:
            found.append(f"collector-config/{name}")
            if write:
                file.write_text(after)
    return found


def _spans_without_words() -> Iterator[str]:
    yield f'set(span.name, "other") where not IsMatch(span.name, {_quoted(NAMES)})'
    yield 'set(span.status.message, "")'


def _events_without_words() -> Iterator[str]:
    yield f'set(spanevent.name, "other") where not IsMatch(spanevent.name, {_quoted(NAMES)})'


def _redacted_log() -> Iterator[str]:
    yield from _redacted_attributes("log")
    yield from _redacted_text("log.body", where=" where IsString(log.body)")
    yield _redacted_name("log.event_name")


def _redacted_span() -> Iterator[str]:
    yield from _redacted_attributes("span")
    yield from _redacted_text("span.status.message")
    yield _redacted_name("span.name")


def _redacted_event() -> Iterator[str]:
    yield from _redacted_attributes("spanevent")
    yield _redacted_name("spanevent.name")


def _redacted_attributes(of: str) -> Iterator[str]:
    """Yield what redacts the attributes of a log, span or event: those that are no content are put back as they were."""
    content = content_list()
    keys = "|".join(re.escape(key) for key in content["not_content"])
    prefixes = "|".join(re.escape(prefix) for prefix in content["not_content_prefixes"])
    yield f'set({of}.cache["labels"], {of}.attributes)'
    yield f'keep_matching_keys({of}.cache["labels"], {_quoted(f"^(?:(?:{keys})$|{prefixes})")})'
    for rule in _rules():
        yield f'replace_all_patterns({of}.attributes, "value", {_quoted(rule.pattern)}, {_replacement(rule)})'
    yield f'merge_maps({of}.attributes, {of}.cache["labels"], "upsert")'


def _redacted_text(path: str, where: str = "") -> Iterator[str]:
    for rule in _rules():
        yield f"replace_pattern({path}, {_quoted(rule.pattern)}, {_replacement(rule)}){where}"


def _redacted_name(path: str) -> str:
    """Return what takes any secret out of a name, in which none is expected."""
    return f'replace_pattern({path}, {_quoted(load_redaction().any_pattern)}, "[REDACTED:name]")'


def _marks_that_match() -> Iterator[str]:
    for rule in _rules():
        for example in rule.matches:
            once = re.sub(rule.pattern, rule.replacement, example, flags=re.ASCII)
            if re.search(rule.pattern, once, re.ASCII):
                yield re.escape(rule.replacement.removeprefix("\\1"))
                break


def _kept_keys() -> str:
    content = content_list()
    patterns = [f"^{re.escape(prefix)}" for prefix in content["not_content_prefixes"]]
    keys = textwrap.fill(", ".join(content["not_content"]), 116, break_on_hyphens=False)
    return f"  ignored_key_patterns:\n{_listed(patterns, 4)}\n  ignored_keys:\n    [\n{textwrap.indent(keys, '      ')}\n    ]"


def _rules() -> tuple[Rule, ...]:
    return load_redaction().rules


def _replacement(rule: Rule) -> str:
    """Return a replacement as a string of OTTL, with the group as Go's regular expressions name it."""
    return _quoted(re.sub(r"\\(\d)", r"${\1}", rule.replacement))


def _quoted(text: str) -> str:
    return json.dumps(text)


def _listed(items: Iterable[str], indent: int) -> str:
    """Return a YAML list of strings; $ stands for a variable in a collector's configuration, so it is doubled."""
    return "\n".join(f"{' ' * indent}- '{item.replace('$', '$$').replace(chr(39), chr(39) * 2)}'" for item in items)


if __name__ == "__main__":
    is_check = sys.argv[1:] == ["--check"]
    files = drifted(write=not is_check)
    sys.stdout.write("".join(f"{'drifted' if is_check else 'wrote'}: {file}\n" for file in files))
    sys.exit(1 if is_check and files else 0)
