"""
A CSV file as a spreadsheet or a service saves it -> its header and lines: UTF-8; comma, semicolon or tab.

A file with a bad line is refused as a whole, and its bad lines are named.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from argus_otel.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

_BAD_LINES_MAX = 10
"""Named in one refusal."""
_VALUE_LENGTH_MAX = 500


class CsvFile:
    """
    A file that has been read whole; `header` is its first line.

    Raises:
        ConfigError: the file cannot be read, is not UTF-8, or its first line is no CSV.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        text = _text_of(path)
        delimiter = max(",;\t", key=text.partition("\n")[0].count)
        self._rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        try:
            self.header = next(self._rows, [])
        except csv.Error as error:
            raise ConfigError(f"{path}: nothing is imported\n  line {self._rows.line_num}: {error}") from error

    @property
    def told_header(self) -> str:
        """The first line, to be shown where it lacks something."""
        return f"it has: {', '.join(self.header) or 'nothing'}"

    def known_columns(self, headers: Mapping[str, str]) -> Iterator[tuple[str, int]]:
        """Yield column and position for each header that `headers` (column -> what it may be called) knows."""
        column_of = {header: column for column, spellings in headers.items() for header in spellings.split()}
        for position, name in enumerate(self.header):
            if column := column_of.get(plain(name)):
                yield column, position

    def each_line(self, take: Callable[[list[str], int], None]) -> None:
        """
        Give each line that is not empty, with its number, to `take`, whose ValueError says what is wrong with it.

        Raises:
            ConfigError: lines are bad: names them.
        """
        bad: list[str] = []
        try:
            for row in self._rows:
                if any(value.strip() for value in row):
                    try:
                        take(row, self._rows.line_num)
                    except ValueError as error:
                        bad.append(f"line {self._rows.line_num}: {error}")
        except csv.Error as error:
            bad.append(f"line {self._rows.line_num}: {error}")
        if bad:
            more = [f"and {len(bad) - _BAD_LINES_MAX} more"] if len(bad) > _BAD_LINES_MAX else []
            raise ConfigError("\n  ".join([f"{self.path}: nothing is imported", *bad[:_BAD_LINES_MAX], *more]))


def values_of(row: Sequence[str], columns: Mapping[str, int]) -> dict[str, str]:
    """Return a line's values by column; a ValueError says what is wrong."""
    if len(row) <= max(columns.values()):
        raise ValueError(f"has {len(row)} values, too few for the columns of the first line")
    values = {column: row[position].strip() for column, position in columns.items()}
    for column, value in values.items():
        if len(value) > _VALUE_LENGTH_MAX or not value.isprintable():
            raise ValueError(
                f"its {column} is longer than {_VALUE_LENGTH_MAX} characters or holds some that cannot be printed"
            )
    return values


def plain(header: str) -> str:
    """Return a header without its case, spaces and punctuation."""
    return "".join(char for char in header.lower() if char.isalnum())


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 (byte {error.start}): save it as CSV in UTF-8") from error
