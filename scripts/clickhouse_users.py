"""
Writes docker/clickhouse/users.xml: the logins of the compose file with the least rights, from the schema's own list of them.

`--check` writes nothing and fails if the file is not what would be written.
"""

from __future__ import annotations

import sys
from pathlib import Path

import jinja2

from argus_otel.schema.grants import Grants, Role
from argus_otel.schema.render import SchemaSettings

FILE = Path(__file__).parents[1] / "docker" / "clickhouse" / "users.xml"
LOGINS: dict[str, tuple[Role, str]] = {
    "argus_migrator": ("migrator", "CLICKHOUSE_MIGRATOR_PASSWORD"),
    "argus_service": ("service", "CLICKHOUSE_SERVICE_PASSWORD"),
    "argus_grafana": ("texts", "CLICKHOUSE_GRAFANA_PASSWORD"),
}
"""The role and the variable with the password of each."""

TEMPLATE = """\
<?xml version="1.0"?>
<!-- Written by scripts/clickhouse_users.py, which writes over it. The logins of compose.yaml and what they may do. -->
<clickhouse>
    <profiles>
        <argus_reader>
            <readonly>1</readonly>
            <max_execution_time>60</max_execution_time>
            <constraints>
                <max_execution_time>
                    <changeable_in_readonly/>
                </max_execution_time>
            </constraints>
        </argus_reader>
    </profiles>
    <users>
        <default remove="remove"/>
{% for login, (role, variable) in logins.items() %}
        <{{ login }}>
            <password from_env="{{ variable }}"/>
            <networks>
                <ip>::/0</ip>
            </networks>
            <profile>{{ "argus_reader" if role == "texts" else "default" }}</profile>
            <quota>default</quota>
            <grants>
{% for grant in grants.of(role) %}
                <query>GRANT {{ grant.rights | join(", ") }} ON {{ grant.on }}</query>
{% endfor %}
            </grants>
        </{{ login }}>
{% endfor %}
    </users>
</clickhouse>
"""


def users() -> str:
    """Return the file."""
    environment = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True, autoescape=True)
    return environment.from_string(TEMPLATE).render(logins=LOGINS, grants=Grants(SchemaSettings()))


def main(*arguments: str) -> int:
    if "--check" in arguments:
        if FILE.exists() and FILE.read_text() == users():
            return 0
        sys.stderr.write(f"{FILE} is not what the schema says: run scripts/clickhouse_users.py\n")
        return 1
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(users())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
