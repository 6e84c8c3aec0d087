"""The certificate of the OTLP listeners: there, whole, of the key, not expired, of a name that senders use."""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING, Any

from argus_otel.doctor.finding import Finding
from argus_otel.doctor.secrets import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from argus_otel.config import Config

_DAYS_MIN = 21
_DAY_S = 86_400


def check_certificate(config: Config) -> Iterator[Finding]:
    """Say how the certificate is; nothing where none is configured."""
    certificate, key = config.tls_certificate, config.tls_key
    if certificate is None or key is None:
        return
    for file in (certificate, key):
        try:
            file.read_bytes()
        except OSError as error:
            yield Finding("certificate", "failed", f"{file}: {error.strerror}", "mend tls_certificate and tls_key")
            return
    if key.stat().st_mode & 0o007:
        yield Finding("certificate", "warning", f"{key} can be read by everybody here", f"chmod 600 {key}")
    yield _certificate(config, certificate, key)


def _certificate(config: Config, certificate: Path, key: Path) -> Finding:
    try:
        presented = _presented(certificate, key)
    except ssl.SSLCertVerificationError as error:
        return Finding("certificate", "failed", f"{certificate}: {error.verify_message}", "renew it, then restart")
    except ssl.SSLError as error:
        reason = error.reason or str(error)
        advice = (
            "key and certificate are of two pairs"
            if "MISMATCH" in reason
            else "both must be PEM, the key without password"
        )
        return Finding("certificate", "failed", f"{certificate} with {key}: {reason}", advice)
    days = (ssl.cert_time_to_seconds(presented["notAfter"]) - time.time()) / _DAY_S
    names = [name for _, name in presented.get("subjectAltName", ())]
    said = f"for {', '.join(names) or 'no name'}, expires in {days:.0f} days"
    if days < _DAYS_MIN:
        return Finding("certificate", "warning", said, "renew it, then restart")
    host = _host(config)
    if not any(_matches(name, host) for name in names):
        return Finding(
            "certificate",
            "warning",
            f"{said}; {host} is none of them",
            "senders must use one of the certificate's names",
        )
    return Finding("certificate", "ok", said)


def _presented(certificate: Path, key: Path) -> dict[str, Any]:
    """Return what a client sees that trusts just this certificate: a handshake in memory."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key, password=lambda: b"")
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN  # whoever signed it
    client.load_verify_locations(certificate)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (client.wrap_bio(to_client, to_server), server.wrap_bio(to_server, to_client, server_side=True))
    for end in ends * 2:
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return ends[0].getpeercert() or {}


def _host(config: Config) -> str:
    """Return by which name this machine is most likely reached."""
    host = config.otlp_grpc.rpartition(":")[0].strip("[]")
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return socket.getfqdn()
    return "localhost" if is_loopback(config.otlp_grpc) else host


def _matches(name: str, host: str) -> bool:
    """Return whether a certificate's name is the host's; a wildcard stands for the first label."""
    name, host = name.lower(), host.lower()
    if host == "localhost" and name in ("127.0.0.1", "::1", "0:0:0:0:0:0:0:1"):
        return True
    return name == host or (name.startswith("*.") and name[2:] == host.partition(".")[2])
