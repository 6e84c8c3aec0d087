"""argus-otel: OTLP in, joined sessions out, in ClickHouse."""

__version__ = "0.1.0"
