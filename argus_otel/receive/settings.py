"""What the receiver is told: addresses, limits, token, certificate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class ReceiveSettings:
    """Addresses are HOST:PORT; port 0 picks a free one."""

    grpc_address: str = "127.0.0.1:4317"
    http_address: str = "127.0.0.1:4318"
    body_bytes_max: int = 64 * MIB
    """OTLP's recommended limit, after decompression too."""
    expanded_bytes_max: int = 256 * MIB
    """What one request may become in the tables: 20,000 records sharing 64 KiB of resource are 1.3 GB from 0.3 MiB."""
    held_bytes_max: int = 256 * MIB
    """Bodies in memory at the same time, over all connections: four of the largest; never less than one of them."""
    grpc_reads_max: int = 32
    """Bodies read at the same time over gRPC, which does not tell their size before; further senders are held back."""
    body_timeout_s: float = 30.0
    """A sender that has not sent its body by then is cut off."""
    connection_age_s_max: float = 600.0
    """So that senders behind a balancer spread again after a rollout."""
    token: str | None = field(default=None, repr=False)
    """Of senders to the default workspace. With neither this nor `workspace_tokens` any sender is accepted."""
    workspace_tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Workspace of the senders that present a token, by that token."""
    tls_certificate: Path | None = None
    tls_key: Path | None = None

    def __post_init__(self) -> None:
        assert (self.tls_certificate is None) == (self.tls_key is None), "a certificate and its key come together"
