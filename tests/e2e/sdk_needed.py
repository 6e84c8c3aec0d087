"""Whether the real SDK can be run here; where it cannot, the reason is what its installation said."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

INSTALL_LOG = Path(sys.prefix) / "e2e-install.log"
"""Written by `make test`."""


def why_not() -> str:
    """Return why no session can be run; empty if one can."""
    found = importlib.util.find_spec("claude_agent_sdk")
    if not found or not found.origin:
        return f"claude-agent-sdk is not installed: {_install_error()}"
    if not list((Path(found.origin).parent / "_bundled").glob("claude*")):
        return "claude-agent-sdk is installed without Claude Code: there is none for this platform"
    return ""


def _install_error() -> str:
    try:
        lines = INSTALL_LOG.read_text().splitlines()
    except OSError:
        return "run `make test`, which installs it"
    errors = [line.strip() for line in lines if "ERROR: " in line]
    return errors[0] if errors else f"see {INSTALL_LOG}"


needs_sdk = pytest.mark.skipif(bool(why_not()), reason=why_not())
