"""
A message that was streamed -> one: MessageDisplay tells it in pieces, numbered by `index` from 0, the last one `final`.

Each piece is a run of its own, they run at the same time, and a hook remembers nothing; so pieces wait in the spool until
all are there, or none has come for a while because the user interrupted.

Seen in Claude Code 2.1.331, interactive: pieces end at line ends, and together are the message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from argus_otel.capture.prepare import HookRun

WAIT_NS_MAX = 30 * 1_000_000_000


class Message(NamedTuple):
    """The pieces of one message that are there: file name -> run."""

    pieces: Mapping[str, HookRun]

    def __repr__(self) -> str:
        return f"Message({len(self.pieces)} pieces)"

    def is_whole(self) -> bool:
        """Every piece up to the final one is there."""
        indexes = {_index(run) for run in self.pieces.values()}
        finals = [_index(run) for run in self.pieces.values() if run.told.get("final") is True]
        return bool(finals) and indexes >= set(range(finals[0] + 1))

    def is_given_up(self, now_ns: int) -> bool:
        """No piece has come for a while, or the clock was set."""
        return abs(now_ns - max(run.at_ns for run in self.pieces.values())) > WAIT_NS_MAX

    def joined(self) -> HookRun:
        """Return the message as one run, of the moment of its last piece; a piece that is there twice counts once."""
        by_index = {_index(run): run for run in self.pieces.values()}
        first = by_index[min(by_index)]
        text = "".join(str(by_index[index].told.get("delta") or "") for index in sorted(by_index))
        at_ns = max(run.at_ns for run in self.pieces.values())
        return first._replace(at_ns=at_ns, told={**first.told, "delta": text, "index": 0, "final": True})


def is_piece(run: HookRun) -> bool:
    """Is this a message in part?"""
    if run.told.get("hook_event_name") != "MessageDisplay" or not run.told.get("message_id"):
        return False
    return run.told.get("final") is not True or _index(run) > 0


def messages(pieces: Sequence[tuple[str, HookRun]]) -> list[Message]:
    """Return pieces by the message that they are of."""
    found: dict[tuple[str, str], dict[str, HookRun]] = {}
    for name, run in pieces:
        found.setdefault((run.session_id, str(run.told.get("message_id"))), {})[name] = run
    return [Message(of_message) for of_message in found.values()]


def _index(run: HookRun) -> int:
    index = run.told.get("index")
    return index if isinstance(index, int) else 0
