"""List prices of models, for the estimate of last resort; model_prices.json is written by scripts/model_prices.py."""

from __future__ import annotations

import json
from importlib import resources
from typing import NamedTuple


class ModelPrice(NamedTuple):
    """10^-9 USD per token."""

    input_nanousd: int
    output_nanousd: int
    cache_read_nanousd: int
    cache_creation_nanousd: int


def model_prices() -> dict[str, ModelPrice]:
    """Return the prices by the model's name without its date."""
    document = json.loads(resources.files(__package__).joinpath("model_prices.json").read_text())
    return {model: ModelPrice(*prices) for model, prices in document["nanousd_per_token"].items()}
