"""
The content leg: what a hook of Claude Code, the Agent SDK or Cowork is told -> content spans -> OTLP/HTTP.

    hook JSON, time, environment ──▶ records ──▶ otlp ──▶ ship
                                       │
                      content, identity, skills, settings

It runs in the user's VM, beside the session: standard library only, Python >= 3.9, no import of the rest of
argus_otel, and nothing it does may slow, change or break that session. docs/semantic-conventions.md is its contract.
"""
