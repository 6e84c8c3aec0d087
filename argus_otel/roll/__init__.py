"""
Sessions that changed -> session_rollup, so that long ranges are read fast.

The views are right without it: what is not summed up they take from the facts. This stage keeps no state of its own:
argus.rollup_marks says until when all is summed up.
"""

from __future__ import annotations

from argus_otel.roll.roller import Roller, RollSettings

__all__ = ["RollSettings", "Roller"]
