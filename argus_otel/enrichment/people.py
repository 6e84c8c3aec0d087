"""
A CSV file of people -> `Person`s, all or none: a file with a bad line is refused, and its bad lines are named.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argus_otel.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_BAD_LINES_MAX = 10
"""Named in one refusal."""
_VALUE_LENGTH_MAX = 500

_HEADERS = {
    "email": "email emailaddress mail mailaddress useremail workemail",
    "user_id": "userid user id enduserid accountid",
    "name": "name username fullname displayname person employee",
    "team": "team teamname group squad department",
    "cost_centre": "costcentre costcenter",
}
"""What each column may be called, without its case, spaces and punctuation."""
_COLUMN_OF = {header: column for column, headers in _HEADERS.items() for header in headers.split()}


@dataclass(frozen=True, slots=True)
class Person:
    """One user as senders know them, and what dashboards call them."""

    user_key: str
    """An e-mail in lower case, or a user id."""
    user_name: str = ""
    team: str = ""
    cost_centre: str = ""


def read_people(path: Path) -> list[Person]:
    """
    Return the people of a CSV file (UTF-8; comma, semicolon or tab); who has an e-mail and a user id stands there twice.

    Raises:
        ConfigError: the file cannot be read, has no column for an e-mail or a user id, holds nobody, or has bad lines: says
            which, and what is wrong with each.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 (byte {error.start}): save it as CSV in UTF-8") from error
    return _people(path, text)


def _people(path: Path, text: str) -> list[Person]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    known: dict[str, int] = {}
    people: list[Person] = []
    bad: list[str] = []
    try:
        columns = _columns(path, next(rows, []))
        for row in rows:
            if not any(value.strip() for value in row):
                continue
            try:
                of_row = list(_of_row(columns, row))
            except ValueError as error:
                bad.append(f"line {rows.line_num}: {error}")
                continue
            bad += [
                f"line {rows.line_num}: {person.user_key} stands on line {known[person.user_key]} already"
                for person in of_row
                if person.user_key in known
            ]
            known |= {person.user_key: rows.line_num for person in of_row}
            people += of_row
    except csv.Error as error:
        bad.append(f"line {rows.line_num}: {error}")
    if bad:
        more = [f"and {len(bad) - _BAD_LINES_MAX} more"] if len(bad) > _BAD_LINES_MAX else []
        raise ConfigError("\n  ".join([f"{path}: nothing is imported", *bad[:_BAD_LINES_MAX], *more]))
    if not people:
        raise ConfigError(f"{path} holds nobody; `argus-otel people remove` takes away who was imported")
    return people


def _delimiter(text: str) -> str:
    header = text.partition("\n")[0]
    return max(",;\t", key=header.count)


def _columns(path: Path, header: list[str]) -> dict[str, int]:
    """Return where each known column is; others are left alone."""
    columns: dict[str, int] = {}
    for position, name in enumerate(header):
        column = _COLUMN_OF.get("".join(char for char in name.lower() if char.isalnum()))
        if column is not None and column in columns:
            raise ConfigError(f"{path}: columns {header[columns[column]]!r} and {name!r} are both the {column}")
        if column is not None:
            columns[column] = position
    if not columns.keys() & {"email", "user_id"}:
        raise ConfigError(
            f"{path}: its first line must name a column `email` or `user_id`, besides `name`, `team` and `cost_centre`"
            f" (it has: {', '.join(header) or 'nothing'})"
        )
    return columns


def _of_row(columns: Mapping[str, int], row: list[str]) -> Iterator[Person]:
    """Yield the person once per key; a ValueError says what is wrong."""
    if len(row) <= max(columns.values()):
        raise ValueError(f"has {len(row)} values, too few for the columns of the first line")
    values = {column: row[position].strip() for column, position in columns.items()}
    for column, value in values.items():
        if len(value) > _VALUE_LENGTH_MAX or not value.isprintable():
            raise ValueError(
                f"its {column} is longer than {_VALUE_LENGTH_MAX} characters or holds some that cannot be printed"
            )
    email, user_id = values.get("email", "").lower(), values.get("user_id", "")
    if not email and not user_id:
        raise ValueError("has neither an e-mail nor a user id")
    if email and ("@" not in email or " " in email):
        raise ValueError(f"{email!r} is no e-mail")
    for key in dict.fromkeys(filter(None, (email, user_id.lower() if "@" in user_id else user_id))):
        yield Person(key, values.get("name", ""), values.get("team", ""), values.get("cost_centre", ""))
