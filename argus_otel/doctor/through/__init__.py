"""
A probe of each leg through a collector -> where each stopped, hop by hop, and what of it was lost on the way.

    sent ──▶ accepted by the collector ──▶ received by argus-otel ──▶ landed ──▶ in facts and views

The probe is a session that cost nothing; it is deleted when it was looked at, with what came late of earlier ones.
"""

from __future__ import annotations

from argus_otel.doctor.through.probing import probe_through

__all__ = ["probe_through"]
