"""
What only an operator knows, and no sender can give: who is who, budgets, and whom alerts leave alone.

A change in, rows of the tables behind argus.people, argus.budgets and argus.mutes out.
"""

from __future__ import annotations

from argus_otel.enrichment.changes import Budget, Change, Mute, People, apply, as_document, of_document
from argus_otel.enrichment.people import Person, read_people

__all__ = ["Budget", "Change", "Mute", "People", "Person", "apply", "as_document", "of_document", "read_people"]
