"""
A session of the made-up team -> what Claude Code, the Agent SDK or Cowork would have sent of it: log events, metrics at
its end, and spans where tracing is on (the Agent SDK's here).

Content gates are off, as users have them, but for Cowork, which sends its texts, neither metrics nor spans, and no
request_id or tool_use_id.

Source: recordings/default for the shapes; the monitoring pages of Claude Code and Cowork for what no recording has:
interactive use, user.email, organization.id, Cowork.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argus_otel.demo import events, meters, spans

if TYPE_CHECKING:
    from argus_otel.demo.otlp import Request, Value
    from argus_otel.demo.work import Session

_ORGANIZATION_ID = "6f6c5f0e-0000-4000-8000-000000000001"


def requests(session: Session) -> list[Request]:
    """Return the native requests of a session, one per signal; the events come last."""
    standard, resource = _standard(session), _resource(session)
    made = [] if session.surface == "cowork" else [meters.request(session, standard, resource)]
    if session.surface == "agent-sdk":
        made.append(spans.request(session, standard, resource))
    return [*made, events.request(session, standard, resource)]


def _resource(session: Session) -> dict[str, Value]:
    if session.surface == "cowork":
        return {"service.name": "cowork", "service.version": "1.24012.0", "os.type": "darwin", "host.arch": "arm64"}
    machine: dict[str, Value] = {"host.arch": "arm64", "os.type": "darwin"}
    if session.surface == "agent-sdk":
        machine = {"host.arch": "amd64", "os.type": "linux"}
    return {**machine, "service.name": "claude-code", "service.version": "2.1.330", **_operator(session)}


def _operator(session: Session) -> dict[str, Value]:
    """Return what the operator put into OTEL_RESOURCE_ATTRIBUTES; it stands on every record too."""
    member = session.member
    added: dict[str, Value] = {"team": member.team, "repository": member.repository}
    # With an API key nobody is logged in: who it is must be said.
    return {**added, "enduser.id": member.email} if session.surface == "agent-sdk" else added


def _standard(session: Session) -> dict[str, Value]:
    member = session.member
    known: dict[str, Value] = {"user.id": member.user_id, "session.id": session.session_id}
    account = {"organization.id": _ORGANIZATION_ID, "user.email": member.email, "user.account_uuid": member.account_id}
    if session.surface == "cowork":
        return {**known, **account, "terminal.type": "non-interactive"}
    known = {**_operator(session), **known, "anthropic.provider": "firstParty", "anthropic.custom_base_url": False}
    if session.surface == "agent-sdk":
        return {**known, "terminal.type": "non-interactive", "app.entrypoint": "sdk-py"}
    return {**known, **account, "terminal.type": "vscode", "app.entrypoint": "cli"}
