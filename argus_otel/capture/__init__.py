"""
The content leg: what a hook of Claude Code, the Agent SDK or Cowork is told -> content spans -> OTLP/HTTP.

    hook ──▶ spool ──▶ shipper ──▶ prepare ──▶ records ──▶ otlp ──▶ ship
             private, log           settings   content, identity, skills, versions, exclude, redact

`hook` is all that a session waits for: it writes what it is told to the spool and leaves. `shipper` is a process of its own.

It runs in the user's VM, beside the session: standard library only, Python >= 3.9, no import of the rest of
argus_otel, and nothing it does may slow, change or break that session. docs/semantic-conventions.md is its contract.
"""
