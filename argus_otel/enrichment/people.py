"""A CSV file of people -> `Person`s, all or none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argus_otel.enrichment.csv_file import CsvFile, values_of
from argus_otel.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_HEADERS = {
    "email": "email emailaddress mail mailaddress useremail workemail",
    "user_id": "userid user id enduserid accountid",
    "name": "name username fullname displayname person employee",
    "team": "team teamname group squad department",
    "cost_centre": "costcentre costcenter",
}
"""What each column may be called, without its case, spaces and punctuation."""


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
    file = CsvFile(path)
    columns = _columns(file)
    lines: dict[str, int] = {}
    people: list[Person] = []

    def take(row: Sequence[str], line: int) -> None:
        for person in _of_row(columns, row):
            if person.user_key in lines:
                raise ValueError(f"{person.user_key} stands on line {lines[person.user_key]} already")
            lines[person.user_key] = line
            people.append(person)

    file.each_line(take)
    if not people:
        raise ConfigError(f"{path} holds nobody; `argus-otel people remove` takes away who was imported")
    return people


def _columns(file: CsvFile) -> dict[str, int]:
    """Return where each known column is; others are left alone."""
    columns: dict[str, int] = {}
    for column, position in file.known_columns(_HEADERS):
        if column in columns:
            both = f"{file.header[columns[column]]!r} and {file.header[position]!r}"
            raise ConfigError(f"{file.path}: columns {both} are both the {column}")
        columns[column] = position
    if not columns.keys() & {"email", "user_id"}:
        raise ConfigError(
            f"{file.path}: its first line must name a column `email` or `user_id`, besides `name`, `team` and `cost_centre`"
            f" ({file.told_header})"
        )
    return columns


def _of_row(columns: Mapping[str, int], row: Sequence[str]) -> Iterator[Person]:
    """Yield the person once per key; a ValueError says what is wrong."""
    values = values_of(row, columns)
    email, user_id = values.get("email", "").lower(), values.get("user_id", "")
    if not email and not user_id:
        raise ValueError("has neither an e-mail nor a user id")
    if email and ("@" not in email or " " in email):
        raise ValueError(f"{email!r} is no e-mail")
    for key in dict.fromkeys(filter(None, (email, user_id.lower() if "@" in user_id else user_id))):
        yield Person(key, values.get("name", ""), values.get("team", ""), values.get("cost_centre", ""))
