"""
How is it? Each check looks at one thing and returns a finding with what to do about it, in the order of the path.

What stands on this machine (folder, secrets, certificate, ports), what the running service says of itself, what ClickHouse says.
A check that cannot look says so; none raises.
"""

from __future__ import annotations

from argus_otel.doctor.examining import examine
from argus_otel.doctor.finding import Finding

__all__ = ["Finding", "examine"]
