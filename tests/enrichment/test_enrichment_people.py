"""A CSV file of people: tolerant of how columns are called, strict about every line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from argus_otel.enrichment import Person, read_people
from argus_otel.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "people.csv"


@pytest.mark.parametrize(
    "text",
    [
        "email,name,team,cost_centre\ndev1@example.com,Dev One,core,CC1\n",
        "\ufeffE-Mail;Full Name;Team;Cost Center\r\nDev1@Example.com; Dev One ;core;CC1\r\n",
        "Department\tCostCentre\tRoom\tUSER EMAIL\tDisplay-Name\ncore\tCC1\t12\tdev1@example.com\tDev One\n\n",
        'name,email,team,"cost centre"\n"Dev One",dev1@example.com,core,CC1',
    ],
)
def test_headers_may_be_called_what_they_usually_are(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", newline="")
    assert read_people(file) == [Person("dev1@example.com", "Dev One", "core", "CC1")]


def test_who_has_an_e_mail_and_an_id_is_found_by_either(file: Path) -> None:
    file.write_text(
        "user_id,email,name\nu-1,dev1@example.com,Dev One\nU-2,,Dev Two\ndev3@Example.com,dev3@example.com,\n"
    )
    assert read_people(file) == [
        Person("dev1@example.com", "Dev One"),
        Person("u-1", "Dev One"),
        Person("U-2", "Dev Two"),
        Person("dev3@example.com"),
    ]


def test_every_bad_line_is_named(file: Path) -> None:
    file.write_text(
        'email,name\ndev1@example.com,"Dev\nOne"\nnobody\n,B\nat home,C\n\nDEV1@example.com,D\ndev2@example.com,E\n'
    )
    with pytest.raises(ConfigError) as caught:
        read_people(file)
    assert str(caught.value).split("\n  ")[1:] == [
        "line 3: its name is longer than 500 characters or holds some that cannot be printed",
        "line 4: has 1 values, too few for the columns of the first line",
        "line 5: has neither an e-mail nor a user id",
        "line 6: 'at home' is no e-mail",
    ]


def test_the_same_user_twice_is_an_error(file: Path) -> None:
    file.write_text("email,name\ndev1@example.com,A\ndev2@example.com,B\nDev1@example.com,C\n")
    with pytest.raises(ConfigError, match=r"line 4: dev1@example.com stands on line 2 already"):
        read_people(file)


def test_of_many_bad_lines_the_first_ten_are_named(file: Path) -> None:
    file.write_text("email\n" + "x\n" * 25)
    with pytest.raises(ConfigError, match=r"line 11: 'x' is no e-mail\n  and 15 more"):
        read_people(file)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "must name a column"),
        (b"name,team\nDev,core\n", r"must name a column `email` or `user_id`.*it has: name, team"),
        (b"email,E-Mail\na@example.com,b@example.com\n", "are both the email"),
        (b"email,name\n", "holds nobody"),
        ("email,name\na@example.com,J\u00f6rg\n".encode("latin-1"), "is not UTF-8"),
        (b'email,name\na@example.com,"open\n', "line 2: unexpected end of data"),
    ],
)
def test_a_file_that_is_none(file: Path, data: bytes, reason: str) -> None:
    file.write_bytes(data)
    with pytest.raises(ConfigError, match=reason):
        read_people(file)


def test_a_file_that_is_not_there(file: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_people(file)
