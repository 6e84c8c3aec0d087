"""
The variables of argus-session -> conditions: which session, which turn of it, which page of its transcript.

The key of every link inside the session stands here too, so that each of its panels leads to a turn in the same way.
"""

from __future__ import annotations

from builder.links import to_session
from builder.queries import chosen, value

PAGE_ROWS = 5_000
"""Entries of the transcript on a page; more make a browser slow."""

SESSION = f"trimBoth({value('session')})"
TURN = value("turn")
"""Empty: the whole session."""
PAGE = f"greatest(toUInt32OrZero({value('page')}), 1)"

OF_SESSION = f"{chosen('workspace')} AND session_id = {SESSION}"
OF_TURN = f"{OF_SESSION} AND $__conditionalAll(prompt_id = {TURN}, $turn)"

TURN_KEY = "workspace, session_id, prompt_id"
HIDDEN = ("workspace", "session_id", "prompt_id", "every_turn", "first_page")
"""Columns that only the links below read, besides from_ms and to_ms."""

TO_TURN = to_session("Read this turn", turn="prompt_id", page="first_page")
TO_WHOLE_SESSION = to_session("Show the whole session", turn="every_turn", page="first_page")


def span(started_ms: str, ended_ms: str) -> str:
    """Return the columns of a link's time range, a second wider at both ends, and of the page that it opens."""
    return f"toString({started_ms} - 1000) AS from_ms, toString({ended_ms} + 1000) AS to_ms, '1' AS first_page"


SPAN_OF_TURN = span("toUnixTimestamp64Milli(started_at)", "toUnixTimestamp64Milli(ended_at)")
SPAN_OF_CALL = span(
    "toUnixTimestamp64Milli(started_at)", "toUnixTimestamp64Milli(started_at) + coalesce(duration_ms, 0)"
)


def excerpt(text: str, length_max: int) -> str:
    """Return the expression for the beginning of a text."""
    return f"if(lengthUTF8({text}) > {length_max}, concat(leftUTF8({text}, {length_max}), ' …'), {text})"
