"""What the views say of a session, and what its answers cost."""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scripted_api import Answer
    from services import Service
    from sessions import Ran

PRICES = json.loads(resources.files("argus_otel.schema").joinpath("model_prices.json").read_text())["nanousd_per_token"]


def cost_nanousd(answer: Answer) -> int:
    """Return the list price of one answer."""
    tokens = answer.usage
    counts = (tokens.input, tokens.output, tokens.cache_read, tokens.cache_creation)
    return sum(count * price for count, price in zip(counts, PRICES[answer.model], strict=True))


def rows(service: Service, view: str, session: Ran) -> list[dict[str, Any]]:
    return service.rows(f"SELECT * FROM argus.{view} WHERE session_id = '{session.session_id}'")


def row(service: Service, view: str, session: Ran) -> dict[str, Any]:
    found = rows(service, view, session)
    assert len(found) == 1
    return found[0]
