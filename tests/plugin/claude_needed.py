"""Where the real Claude Code is, if it is here: named by a variable, on PATH, or within the installed SDK."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import pytest


def find_claude() -> str | None:
    if found := shutil.which(os.environ.get("ARGUS_OTEL_CLAUDE", "claude")):
        return found
    sdk = importlib.util.find_spec("claude_agent_sdk")
    bundled = Path(sdk.origin).parent / "_bundled" / "claude" if sdk and sdk.origin else None
    return str(bundled) if bundled and bundled.exists() else None


needs_claude = pytest.mark.skipif(find_claude() is None, reason="Claude Code is not here: install claude-agent-sdk")
