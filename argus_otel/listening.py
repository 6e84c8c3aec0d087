"""A bound socket for a HOST:PORT that a user wrote."""

from __future__ import annotations

import socket

from argus_otel.errors import ConfigError


def bind(key: str, address: str) -> tuple[socket.socket, str]:
    """
    Return a listening socket and its HOST:PORT; `key` is the setting's name.

    Raises:
        ConfigError: the address is taken or is no address of this host.
    """
    host, _, port = address.rpartition(":")
    try:
        family, kind, protocol, _, sockaddr = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[
            0
        ]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(sockaddr)
            listener.listen(1024)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise ConfigError(f"{key}: cannot listen on {address}: {error.strerror or error}") from error
    listener.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return listener, f"{host}:{listener.getsockname()[1]}"
