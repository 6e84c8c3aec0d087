"""What the service answers over HTTP: ClickHouse's interface to the embedded engine, health, metrics, the control socket."""
