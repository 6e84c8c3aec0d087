"""A CSV file of what the provider counted, in the forms that the provider has; and what it is compared with."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from native import S_NS, T0_NS, api_request

from argus_otel.enrichment import Invoice, InvoiceLine, apply, as_document, of_document, period_of, read_invoice
from argus_otel.enrichment.invoices import Period
from argus_otel.errors import ConfigError

if TYPE_CHECKING:
    from databases import Databases

SAMPLES = Path(__file__).parents[1] / "fixtures" / "invoices"
"""Headers as the provider writes them, amounts by hand."""
NOVEMBER = Period(date(2026, 11, 1), date(2026, 12, 1))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "usage.csv"


def test_the_cost_export_of_the_console() -> None:
    file = SAMPLES / "console-cost.csv"
    sonnet = ("Claude Code", "", "Claude Sonnet 4.5")
    assert read_invoice(file, None, {}) == [
        InvoiceLine("2026-11-02", "2026-11-03", *sonnet, 300_000_000),
        InvoiceLine("2026-11-03", "2026-11-04", *sonnet, 1_500_000_000),
        InvoiceLine("2026-11-03", "2026-11-04", "Default", "", "", 10_000_000),
    ]
    assert len(read_invoice(file, None, {"workspace": "Claude Code"})) == 2


def test_the_cost_report_counts_cents() -> None:
    [line] = read_invoice(SAMPLES / "cost-report.csv", None, {})
    assert line == InvoiceLine("2026-11-02", "2026-11-03", "wrkspc_1", "", "claude-sonnet-4-5", 1_234_500_000)


def test_the_spend_report_needs_its_days_and_counts_net() -> None:
    file = SAMPLES / "spend-report.csv"
    with pytest.raises(ConfigError, match="no column with a day: say which days it covers, --period"):
        read_invoice(file, None, {})
    [line] = read_invoice(file, NOVEMBER, {"product": "Claude Code"})
    assert line == InvoiceLine("2026-11-01", "2026-12-01", "", "dev1@example.com", "claude-sonnet-4-5", 3_250_000_000)
    [both] = read_invoice(file, NOVEMBER, {})
    assert both.amount_nanousd == 4_250_000_000


@pytest.mark.parametrize(
    "text",
    [
        "day,workspace,amount_usd\n2026-11-02,payments,$1.5\n",
        "\ufeffDate;User;Amount USD\r\n2026-11-02 00:00:00;a@b.c;1.50\r\n\r\n",
        'amount_usd\tday\n"1.500"\t2026-11-02\n',
    ],
)
def test_the_simple_form(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", newline="")
    [line] = read_invoice(file, None, {})
    assert (line.period_begin, line.amount_nanousd) == ("2026-11-02", 1_500_000_000)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "must name a column with the amount.*it has: nothing"),
        ("day,tokens\n", "must name a column with the amount"),
        ("day,amount\n2026-11-02,1\n", "call it amount_usd"),
        ("day,amount_usd\n", "has no line that counts"),
        ("day,amount_usd\n02/11/2026,1\n", "line 2: '02/11/2026' is no day"),
        ("day,amount_usd\n2026-11-02x,1\n", "line 2: '2026-11-02x' is no day"),
        (
            'day,amount_usd\n2026-11-02,1\n2026-11-02,"1,234.5"\n',
            "nothing is imported\n  line 3: '1,234.5' is no amount",
        ),
        ("day,amount_usd\n2026-11-02,nan\n", "line 2: 'nan' is no amount"),
        ("day,amount_usd\n2026-11-02,\n", "line 2: '' is no amount"),
        ("day,amount_usd\n2026-11-02\n", "line 2: has 1 values, too few"),
        ("day,amount,currency\n2026-11-02,1,EUR\n", "line 2: 'EUR' is not USD"),
        ('day,amount_usd\n2026-11-02,"1\n', "line 2: unexpected end of data"),
        ("day,amount_usd\n" + "x,1\n" * 12, "and 2 more"),
        ("day,amount_usd\n1969-12-31,1\n", "line 2: '1969-12-31' is no day of the years 1970 to 2148"),
        ("day,amount_usd\n9999-12-31,1\n", "line 2: '9999-12-31' is no day of the years 1970 to 2148"),
        ("day,usd,Amount USD\n2026-11-02,1,2\n", "columns 'usd' and 'Amount USD' are both the amount"),
    ],
)
def test_a_bad_file_imports_nothing_and_says_why(file: Path, text: str, reason: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError, match=reason):
        read_invoice(file, None, {})


def test_what_is_asked_wrongly() -> None:
    file = SAMPLES / "console-cost.csv"
    with pytest.raises(ConfigError, match="days of its own, in usage_date_utc"):
        read_invoice(file, NOVEMBER, {})
    with pytest.raises(ConfigError, match="no column 'product' for --only"):
        read_invoice(file, None, {"product": "x"})
    with pytest.raises(ConfigError, match="has no line that counts with"):
        read_invoice(file, None, {"workspace": "claude code"})
    with pytest.raises(ConfigError, match="cannot be read"):
        read_invoice(file.with_name("nowhere"), None, {})
    assert period_of("2026-11-01..2026-11-30") == NOVEMBER
    for wrong in ("", "2026-11", "2026-11-30..2026-11-01", "2020-01-01..2026-01-01", "2026-11-01"):
        with pytest.raises(ConfigError, match="--period takes"):
            period_of(wrong)
    for wrong in ("1969-12-31..1970-01-01", "2148-12-31..2149-01-01"):
        with pytest.raises(ConfigError, match="years 1970 to 2148"):
            period_of(wrong)
    assert period_of("2148-12-31..2148-12-31").end == date(2149, 1, 1)


def made(databases: Databases, invoice: Invoice) -> None:
    travelled = of_document(json.loads(json.dumps(as_document(invoice))))
    assert travelled == invoice
    apply(databases.store, databases.settings.argus_database, travelled)


def day(number: int, usd: float, workspace: str = "", **of: Any) -> InvoiceLine:
    begin, end = date(2026, 11, number), date(2026, 11, number + 1)
    return InvoiceLine(begin.isoformat(), end.isoformat(), workspace, of.get("user", ""), "m", round(usd * 1e9))


def compared(databases: Databases, first: str, last: str) -> list[tuple[Any, ...]]:
    source = f"reported_vs_invoiced(from = toDateTime('{first}', 'UTC'), to = toDateTime('{last}', 'UTC'))"
    return [
        (row["name"], row["workspace"], row["period_begin"], row["reported_usd"], row["invoiced_usd"])
        for row in databases.view(source)
    ]


def at_s(number: int, hour: int) -> float:
    """2026-11-01 is 1,793,491,200 s after the epoch."""
    return 1_793_491_200 - T0_NS / S_NS + (number - 1) * 86_400 + hour * 3600


def test_reported_beside_invoiced(databases: Databases) -> None:
    databases.load([api_request("r1", 0.9, session="s1", at_s=at_s(2, 0))], workspace="payments")
    databases.load([api_request("r2", 0.3, session="s2", at_s=at_s(2, 23))])
    databases.load([api_request("r3", 5.0, session="s3", at_s=at_s(3, 0))])
    made(
        databases,
        Invoice("console", "", (day(2, 1.0, "Claude Code"), day(2, 0.5, "Default"), day(3, 4.0), day(4, 2.0))),
    )
    made(databases, Invoice("team", "payments", (day(2, 1.0),)))
    month = InvoiceLine("2026-11-01", "2026-12-01", "", "dev1@example.com", "m", 8_000_000_000)
    made(databases, Invoice("spend", "", (month,)))
    assert compared(databases, "2026-11-02 00:00:00", "2026-11-03 12:00:00") == [
        ("console", "", "2026-11-02", 1.2, 1.5),
        ("console", "", "2026-11-03", 5.0, 4.0),
        ("spend", "", "2026-11-01", 6.2, 8.0),
        ("team", "payments", "2026-11-02", 0.9, 1.0),
    ]
    assert compared(databases, "2026-11-04 00:00:00", "2026-11-04 01:00:00")[0] == (
        "console",
        "",
        "2026-11-04",
        0.0,
        2.0,
    )
    assert compared(databases, "2026-10-01 00:00:00", "2026-10-31 00:00:00") == []


def test_importing_again_replaces_the_days_that_are_in_it(databases: Databases) -> None:
    first = Invoice("console", "", (day(2, 1.0, "a"), day(2, 1.0, "b"), day(3, 4.0)))
    made(databases, first)
    made(databases, first)
    assert [row["invoiced_usd"] for row in databases.view("invoices")] == [1.0, 1.0, 4.0]
    made(databases, Invoice("console", "", (day(2, 1.5, "a"),)))
    assert [row["invoiced_usd"] for row in databases.view("invoices")] == [1.5, 4.0], "the day counts whole"
    made(databases, Invoice("other", "", (day(2, 7.0),)))
    made(databases, Invoice("console", "", ()))
    assert [row["name"] for row in databases.view("invoices")] == ["other"]


def test_amounts_add_up_exactly(databases: Databases, file: Path) -> None:
    """A tenth, ten times, is one; so is a credit taken off."""
    file.write_text("day,amount_usd\n" + "2026-11-02,0.1\n" * 11 + "2026-11-02,-0.1\n")
    made(databases, Invoice("x", "", tuple(read_invoice(file, None, {}))))
    assert compared(databases, "2026-11-02 00:00:00", "2026-11-02 00:00:00") == [("x", "", "2026-11-02", 0.0, 1.0)]


def test_an_invoice_needs_a_name() -> None:
    with pytest.raises(ConfigError, match="needs a name"):
        Invoice("", "", ())
