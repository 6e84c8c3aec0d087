"""
How a command finds a running service: run.json in the data folder, and the control socket that it names.
"""

from __future__ import annotations

import http.client
import json
import socket
from typing import TYPE_CHECKING, Any

from argus_otel.errors import ArgusError

if TYPE_CHECKING:
    from pathlib import Path


class NotRunningError(ArgusError):
    """No service runs on the data folder."""


class ControlError(ArgusError):
    """The running service refused a command; the message is its own."""


def read_run_file(data_dir: Path) -> dict[str, str]:
    """
    Return the addresses of the service that runs on `data_dir`.

    Raises:
        NotRunningError: there is none, says how to start or to name one.
    """
    try:
        addresses: dict[str, str] = json.loads((data_dir / "run.json").read_text())
    except FileNotFoundError:
        raise NotRunningError(
            f"no service runs on {data_dir}: start one with `argus-otel serve`, "
            "or name another with --data-dir, --url or --clickhouse"
        ) from None
    except (OSError, ValueError) as error:
        raise NotRunningError(f"{data_dir / 'run.json'} cannot be read: {error}") from error
    return addresses


def command(data_dir: Path, method: str, path: str, body: Any = None) -> Any:
    """
    Send one command to the running service and return its answer.

    Raises:
        NotRunningError: nobody answers at the socket.
        ControlError: the service says why not, or does not know the command.
    """
    connection = _SocketConnection(read_run_file(data_dir)["control_socket"])
    try:
        connection.request(
            method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"}
        )
        response = connection.getresponse()
        answer = json.loads(response.read())
    except ValueError:
        raise ControlError(
            f"the service on {data_dir} answered {response.status} and no JSON: is it of another version? Restart it"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise NotRunningError(f"the service on {data_dir} does not answer: {error}") from error
    finally:
        connection.close()
    if response.status >= 400:
        raise ControlError(answer["error"])
    return answer


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=120)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
