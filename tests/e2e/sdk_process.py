"""
Run one session through claude-agent-sdk: a job as JSON on stdin -> every message of the SDK as a JSON line on stdout.

A process of its own, as its environment is the session's. The job: {"cwd", "model", "plugins": [folder], "denied_tools":
[name], "turn_is_over_url", "processes": [[{"prompt", "results_count"}]]}; each of `processes` is one run of the CLI, the
second and later ones resume the session of the first. Each result is told to the scripted API too.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
import urllib.request
from typing import Any

from claude_agent_sdk import (
    ClaudeAgentOptions,
    ClaudeSDKClient,
    PermissionResultAllow,
    PermissionResultDeny,
    ResultMessage,
    create_sdk_mcp_server,
    tool,
)


@tool("add", "Adds two numbers.", {"a": int, "b": int})
async def add(numbers: dict[str, int]) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": str(numbers["a"] + numbers["b"])}]}


def options(job: dict[str, Any], resumed: str | None) -> ClaudeAgentOptions:
    async def may_use(name: str, tool_input: dict[str, Any], _: object) -> PermissionResultAllow | PermissionResultDeny:
        if name in job["denied_tools"]:
            return PermissionResultDeny(message="denied by script")
        return PermissionResultAllow()

    return ClaudeAgentOptions(
        cwd=job["cwd"],
        model=job["model"],
        setting_sources=["project"],
        can_use_tool=may_use,
        mcp_servers={"calc": create_sdk_mcp_server("calc", "1.0", [add])},
        plugins=[{"type": "local", "path": path} for path in job["plugins"]],
        resume=resumed,
        stderr=lambda line: print(line, file=sys.stderr),
    )


async def run(job: dict[str, Any]) -> None:
    session_id: str | None = None
    for number, turns in enumerate(job["processes"]):
        async with ClaudeSDKClient(options(job, session_id)) as client:
            for turn in turns:
                await client.query(turn["prompt"])
                results_left = turn["results_count"]
                async for message in client.receive_messages():
                    tell(number, turn["prompt"], message)
                    if isinstance(message, ResultMessage):
                        session_id = message.session_id
                        tell_api(job["turn_is_over_url"], turn["prompt"])
                        results_left -= 1
                        if not results_left:
                            break


def tell_api(url: str, prompt: str) -> None:
    with urllib.request.urlopen(urllib.request.Request(url, prompt.encode()), timeout=10) as answer:
        answer.read()


def tell(process_number: int, prompt: str, message: Any) -> None:
    line = {
        "process": process_number,
        "prompt": prompt,
        "type": type(message).__name__,
        "message": dataclasses.asdict(message),
    }
    print(json.dumps(line, default=str), flush=True)


if __name__ == "__main__":
    asyncio.run(run(json.load(sys.stdin)))
