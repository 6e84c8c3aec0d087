"""
What was asked to be forgotten -> gone: from the tables, from their files, from the dead letters.

A session is private, and its texts are in no view, from the moment its control is loaded (schema/sql/0_control); this
stage takes away what was stored before. It keeps no state of its own: argus.erasure_facts says what is left to do.
"""

from __future__ import annotations

from argus_otel.erase.eraser import Eraser

__all__ = ["Eraser"]
