"""
Write argus_otel/schema/model_prices.json from genai-prices: list prices of Anthropic's models.

Run it when genai-prices has new prices: `python scripts/model_prices.py`. Base prices only, as of the day it runs: the
prices serve the estimate of last resort, for calls whose cost nobody reported.
"""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

from genai_prices.data import providers

TARGET = Path(__file__).parent.parent / "argus_otel/schema/model_prices.json"
NANOUSD_PER_TOKEN = Decimal(1000)
"""One USD per million tokens is 1,000 nanousd per token."""


def render(as_of: str) -> str:
    """Return the file; `as_of` is the date it carries."""
    document = {
        "about": "List prices of input, output, cache read and cache write, by the model's name without its date.",
        "source": f"genai-prices {version('genai-prices')}",
        "as_of": as_of,
        "nanousd_per_token": dict(sorted(set(_rows()))),
    }
    text = json.dumps(document, indent=2)
    return re.sub(r"\[\s+(\d+),\s+(\d+),\s+(\d+),\s+(\d+)\s+\]", r"[\1, \2, \3, \4]", text) + "\n"


def _rows() -> list[tuple[str, tuple[int, ...]]]:
    anthropic = next(provider for provider in providers if provider.id == "anthropic")
    return [(name, _prices(model.prices)) for model in anthropic.models for name in _names(model)]


def _names(model: Any) -> set[str]:
    clauses = getattr(model.match, "or_", [model.match])
    found = {getattr(clause, "equals", "") or getattr(clause, "starts_with", "") for clause in clauses}
    return {name for name in found | {model.id.removesuffix("-latest")} if name and not name.endswith("@")}


def _prices(prices: Any) -> tuple[int, ...]:
    current = prices[-1].prices if isinstance(prices, list) else prices
    fields = (current.input_mtok, current.output_mtok, current.cache_read_mtok, current.cache_write_mtok)
    return tuple(int((getattr(field, "base", field) or Decimal(0)) * NANOUSD_PER_TOKEN) for field in fields)


if __name__ == "__main__":
    TARGET.write_text(render(datetime.now(UTC).date().isoformat()))
    sys.stdout.write(f"wrote {TARGET.name}\n")
