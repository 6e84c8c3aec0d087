"""The workspaces of the service under test, by the tokens of their senders."""

from __future__ import annotations

TOKEN, TOKEN_OF_PAYMENTS = "token-of-default", "token-of-payments"


def variables_to(otlp_http: str) -> dict[str, str]:
    """Return the variables by which a configuration finds the service at an address."""
    return {
        "ARGUS_OTEL_ENDPOINT": f"http://{otlp_http}",
        "ARGUS_OTEL_TOKEN": TOKEN,
        "ARGUS_OTEL_TOKEN_PAYMENTS": TOKEN_OF_PAYMENTS,
    }
