"""
A CSV file of what the provider counted -> `InvoiceLine`s, all or none.

Understood: the cost export of the Anthropic Console (`usage_date_utc`, `cost_usd`), the cost report of its Admin API written as
CSV (`starting_at`, `amount` in cents), the spend report of Claude Enterprise (`total_net_spend_usd`, without days: the period
must be given), and any file with a day and `amount_usd`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from argus_otel.enrichment.csv_file import CsvFile, plain, values_of
from argus_otel.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_USD_MAX = Decimal(10**9)
_DAYS_MAX = 366
_YEARS = range(1970, 2149)
"""Whole years that the engine's Date has; other days it moves without a word."""

_HEADERS = {
    "day": "usagedateutc date day usagedate startingat",
    "net_usd": "totalnetspendusd netspendusd",
    "usd": "amountusd costusd usd",
    "cents": "amount",
    "currency": "currency",
    "billed_to": "workspace workspacename workspaceid",
    "user_key": "useremail email user",
    "model": "model",
}
"""What each column may be called, without its case, spaces and punctuation."""
_AMOUNTS = ("net_usd", "usd", "cents")
"""The columns with an amount; the first that is there counts."""


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """What was counted in a period, added up; days as 2026-11-30, `period_end` the day after the last."""

    period_begin: str
    period_end: str
    billed_to: str
    user_key: str
    model: str
    amount_nanousd: int


@dataclass(frozen=True, slots=True)
class Period:
    """Days from the first to the one after the last."""

    begin: date
    end: date


def period_of(text: str) -> Period:
    """
    Return the days of FROM..TO, both counted.

    Raises:
        ConfigError: it is no such period.
    """
    first, separator, last = text.partition("..")
    try:
        begin, end = date.fromisoformat(first), date.fromisoformat(last) + timedelta(days=1)
    except (ValueError, OverflowError):
        begin = end = date.min
    if not separator or not timedelta(0) < end - begin <= timedelta(days=_DAYS_MAX):
        raise ConfigError(f"--period takes the first and the last day, 2026-11-01..2026-11-30 (given: {text!r})")
    if begin.year not in _YEARS or (end - timedelta(days=1)).year not in _YEARS:
        raise ConfigError(f"--period takes days of the years {_YEARS[0]} to {_YEARS[-1]} (given: {text!r})")
    return Period(begin, end)


def read_invoice(path: Path, period: Period | None, only: Mapping[str, str]) -> list[InvoiceLine]:
    """
    Return the lines of a CSV file (UTF-8; comma, semicolon or tab), added up.

    Args:
        period: of a file whose lines have no day.
        only: column, as the file calls it -> the value that a line must have to count.

    Raises:
        ConfigError: the file cannot be read, lacks a column, has no line that counts, or has bad lines: says which, and why.
    """
    file = CsvFile(path)
    columns = _columns(file, period)
    wanted = _wanted(file, only)
    sums: Counter[tuple[str, str, str, str, str]] = Counter()

    def take(row: Sequence[str], _line: int) -> None:
        if _counts(row, wanted):
            key, nanousd = _of_row(columns, row, period)
            sums[key] += nanousd

    file.each_line(take)
    if not sums:
        raise ConfigError(f"{path} has no line that counts{' with ' + str(dict(only)) if only else ''}")
    return [InvoiceLine(*key, nanousd) for key, nanousd in sorted(sums.items())]


def _columns(file: CsvFile, period: Period | None) -> dict[str, int]:
    """Return where each known column is; others are left alone."""
    columns: dict[str, int] = {}
    for column, position in file.known_columns(_HEADERS):
        if column in columns and column in _AMOUNTS:
            both = f"{file.header[columns[column]]!r} and {file.header[position]!r}"
            raise ConfigError(f"{file.path}: columns {both} are both the amount: take one away")
        columns.setdefault(column, position)
    path, has = file.path, file.told_header
    if not columns.keys() & set(_AMOUNTS):
        raise ConfigError(f"{path}: its first line must name a column with the amount: amount_usd or cost_usd ({has})")
    if not columns.keys() & {"net_usd", "usd"} and "currency" not in columns:
        raise ConfigError(
            f"{path}: a column `amount` counts as cents, as the Admin API's cost report has it, beside a column `currency`;"
            " call it amount_usd if it holds USD"
        )
    if "day" not in columns and period is None:
        raise ConfigError(f"{path} has no column with a day: say which days it covers, --period FIRST..LAST ({has})")
    if "day" in columns and period is not None:
        raise ConfigError(f"{path} has days of its own, in {file.header[columns['day']]}: leave --period away")
    return columns


def _wanted(file: CsvFile, only: Mapping[str, str]) -> dict[int, str]:
    places = {plain(name): position for position, name in enumerate(file.header)}
    if unknown := [name for name in only if plain(name) not in places]:
        raise ConfigError(f"{file.path} has no column {unknown[0]!r} for --only ({file.told_header})")
    return {places[plain(name)]: value for name, value in only.items()}


def _counts(row: Sequence[str], wanted: Mapping[int, str]) -> bool:
    return all(position < len(row) and row[position].strip() == value for position, value in wanted.items())


def _of_row(
    columns: Mapping[str, int], row: Sequence[str], period: Period | None
) -> tuple[tuple[str, str, str, str, str], int]:
    """Return what a line is added to, and its amount; a ValueError says what is wrong."""
    values = values_of(row, columns)
    days = period or _day(values["day"])
    named = (values.get("billed_to", ""), values.get("user_key", "").lower(), values.get("model", ""))
    return (days.begin.isoformat(), days.end.isoformat(), *named), _nanousd(values)


def _day(text: str) -> Period:
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        raise ValueError(f"{text!r} is no day: write 2026-11-30") from None
    if len(text) > 10 and text[10] not in "T ":
        raise ValueError(f"{text!r} is no day: write 2026-11-30")
    if day.year not in _YEARS:
        raise ValueError(f"{text!r} is no day of the years {_YEARS[0]} to {_YEARS[-1]}")
    return Period(day, day + timedelta(days=1))


def _nanousd(values: Mapping[str, str]) -> int:
    if (currency := values.get("currency", "USD").upper()) != "USD":
        raise ValueError(f"{currency!r} is not USD, which is all that can be compared")
    column = next(name for name in _AMOUNTS if name in values)
    text = values[column].removeprefix("$")
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{values[column]!r} is no amount: write 1234.56") from None
    if not amount.is_finite() or abs(amount) > _USD_MAX:
        raise ValueError(f"{values[column]!r} is no amount of USD")
    return round(amount * (10**7 if column == "cents" else 10**9))
