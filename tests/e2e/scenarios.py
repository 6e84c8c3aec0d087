"""The scenarios: one session of everything that a session does, and one that its user opts out in the middle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenario import WITHHELD, Call, Command, Outage, Scenario, Script

if TYPE_CHECKING:
    from pathlib import Path

SKILL = "---\nname: greet\ndescription: Greets someone politely.\n---\nSay hello to $ARGUMENTS.\n"
SKILL_FILE = ".claude/skills/greet/SKILL.md"


def bash(command: str, says: str) -> Call:
    return Call("Bash", {"command": command, "description": "Scripted"}, says)


def everything(project: Path) -> Scenario:
    """Return a session of two turns, one that an agent's report makes, and one more after a restart."""
    greeting = str(project / "greeting.txt")
    agent = Script("Count the lines of the greeting.", ((bash("wc -l < greeting.txt", "2"),),), "It has two lines.")
    first = Script(
        "Please write a greeting, then check it.",
        (
            Outage(529, times=1),
            (bash("printf 'where am I: ' && basename $PWD", "where am I: project"),),
            (Call("Write", {"file_path": greeting, "content": "hello\nworld ✓\n"}, "hello\nworld ✓\n"),),
            (
                Call("Read", {"file_path": greeting}, "hello\nworld ✓\n"),
                bash("echo at the same time", "at the same time"),
            ),
            (Call("Skill", {"skill": "greet", "args": "the world"}, "greet"),),
            (Call("mcp__calc__add", {"a": 20, "b": 22}, "42"),),
            (Call("Bash", {"command": "echo oops >&2; exit 3"}, "Exit code 3\noops", success=False),),
            (Call("Edit", {"file_path": greeting, "old_string": "hello", "new_string": "goodbye"}, success=WITHHELD),),
            (
                Call(
                    "Agent",
                    {
                        "description": "count lines",
                        "prompt": agent.prompt,
                        "subagent_type": "general-purpose",
                        "run_in_background": True,
                    },
                    "async_launched",
                    agent=agent,
                ),
            ),
        ),
        "The greeting stands; the sum is 42.",
        results_count=2,
    )
    second = Script("And how large is it?", ((bash("wc -c < greeting.txt", "16"),),), "Sixteen bytes.")
    resumed = Script("After a restart: is it still there?", ((bash("ls greeting.txt", "greeting.txt"),),), "It is.")
    return Scenario(
        "claude-sonnet-4-5",
        ((first, second), (resumed,)),
        {SKILL_FILE: SKILL, "CLAUDE.md": "Be brief.\n"},
        denied_tools=("Edit",),
        report_answer="The count has come in.",
    )


def opted_out(command: str, before: str, after: str) -> Scenario:
    """Return a session in which `before` and then `after` stand in everything said and done, with the command between."""
    return Scenario(
        "claude-opus-4-5",
        ((_secretive(before, "first"), Command(command), _secretive(after, "second")),),
        {"CLAUDE.md": "Be brief.\n"},
    )


def _secretive(secret: str, name: str) -> Script:
    call = bash(f"echo {secret} | tee {name}-{secret}.txt", secret)
    failing = Call("Bash", {"command": f"echo {secret} >&2; exit 1"}, secret, success=False)
    return Script(f"In the {name} turn, say {secret}.", ((call,), (failing,)), f"The {name} word is {secret}.")
