"""
What only an operator knows, and no sender can give: who is who, budgets, whom alerts leave alone, and bills.

A change in, rows of the tables behind argus.people, argus.budgets, argus.mutes and argus.invoices out.
"""

from __future__ import annotations

from argus_otel.enrichment.changes import Budget, Change, Invoice, Mute, People, apply, as_document, of_document
from argus_otel.enrichment.invoices import InvoiceLine, period_of, read_invoice
from argus_otel.enrichment.people import Person, read_people

__all__ = [
    "Budget",
    "Change",
    "Invoice",
    "InvoiceLine",
    "Mute",
    "People",
    "Person",
    "apply",
    "as_document",
    "of_document",
    "period_of",
    "read_invoice",
    "read_people",
]
