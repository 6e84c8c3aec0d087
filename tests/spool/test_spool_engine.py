"""A sealed segment is a file that the real engine reads as it is."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from spool_doubles import envelope, settings

from argus_otel.spool import Spool

if TYPE_CHECKING:
    from pathlib import Path

# Only what is asked for is declared: the counts and the checksum of an envelope are skipped.
SCHEMA = 'syntax = "proto3"; message Envelope { string workspace = 1; fixed64 received_at_ns = 2; bytes logs = 10; }'

# In a process of its own: there is one engine per process.
READ = """
import sys, chdb
path, schema = sys.argv[1:]
print(chdb.query(
    f"SELECT workspace, received_at_ns, logs FROM file('{path}', 'Protobuf', "
    "'workspace String, received_at_ns UInt64, logs String') ORDER BY received_at_ns "
    f"SETTINGS format_schema_source = 'string', format_schema = '{schema}', format_schema_message_name = 'Envelope'",
    "JSONCompactEachRow",
), end="")
"""


def test_the_engine_reads_every_envelope_of_a_segment(tmp_path: Path) -> None:
    spool = Spool(settings(tmp_path, segment_age_s_max=1e9))
    appended = [envelope(number, record_count=number, size_bytes=number * 200) for number in range(1, 40)]
    for one in appended:
        spool.append_blocking(one)
    spool.close()
    [segment] = spool.take(1, 0.0)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(segment.path), SCHEMA],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(workspace, int(at_ns), logs.encode()) for workspace, at_ns, logs in rows] == [
        (one.workspace, one.received_at_ns, one.request) for one in appended
    ]
