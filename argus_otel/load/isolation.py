"""
The envelopes of one signal whose INSERT was refused in; all of them loaded but the ones that are at fault.

Bisection: a refused part is halved until a part loads or a refused envelope stands alone. That an envelope is refused
does not yet mean that it is at fault: with a broken table or view all are. So refusals are counted per signal from the
last load of that signal on, over batches; after `refused_in_a_row_max` of them nothing more is dead-lettered: the next
refused envelope is held, tried again with back-off, loudly, and everything behind it waits in the spool, whose bound
turns into "retry later" for the senders. When the held one loads, those refused before it in its batch are tried too.

What it costs: senders of nothing but poison, more than the bound in a row, stop the loading until somebody raises the
bound. What it saves: without it a bad migration would empty the spool into dead letters, and their bound would then
drop good data. Source: the limits of Arroyo's dead letter queue; per signal, because tables are.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from argus_otel.envelope import Signal
    from argus_otel.load.spooled import SpooledEnvelope
    from argus_otel.refusal import Refusal

    Refused: TypeAlias = tuple[SpooledEnvelope, Refusal]
    """An envelope that was refused alone, and why."""


class RefusalStreak:
    """Envelopes refused in a row, per signal."""

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self._counts: Counter[Signal] = Counter()

    def loaded(self, signal: Signal) -> None:
        """Begin anew: the tables of this signal take data."""
        del self._counts[signal]

    def refused(self, signal: Signal) -> bool:
        """Count one more; return False, uncounted, when that would be one too many."""
        if self._counts[signal] >= self._count_max:
            return False
        self._counts[signal] += 1
        return True


def isolate(
    envelopes: Sequence[SpooledEnvelope],
    load: Callable[[Sequence[SpooledEnvelope]], Refusal | None],
    hold: Callable[[Refusal], None],
    streak: RefusalStreak,
) -> list[Refused]:
    """
    Load all of `envelopes`, which were refused together, but those that are refused alone.

    Args:
        load: returns None when a part is loaded, which ends its signal's streak, or the refusal; trouble that may pass
            is met inside.
        hold: waits before a held envelope is tried again.

    Returns:
        The refused ones in no order; every other one was loaded at least once.
    """
    parts = _split(envelopes)
    refused: list[Refused] = []
    is_held = False
    while parts:
        part = parts.pop()
        refusal = load(part)
        if refusal is None:
            if is_held:
                parts.extend([envelope] for envelope, _ in refused)
                refused.clear()
                is_held = False
        elif len(part) > 1:
            parts += _split(part)
        elif streak.refused(part[0].signal):
            refused.append((part[0], refusal))
        else:
            is_held = True
            parts.append(part)
            hold(refusal)
    return refused


def _split(part: Sequence[SpooledEnvelope]) -> list[list[SpooledEnvelope]]:
    middle = len(part) // 2
    # The last one is tried first. A single one too: it was refused in a batch, not yet alone.
    return [half for half in (list(part[middle:]), list(part[:middle])) if half]
