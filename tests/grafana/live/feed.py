"""`feed.py HOST:PORT`: sends everything of known.py to a running service, over OTLP/gRPC, and returns when it is acknowledged."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from known import known

from argus_otel.demo.sender import sender

with sender(sys.argv[1]) as otlp:
    for request in known().requests:
        otlp.send(request)
print(f"{len(known().requests)} requests acknowledged")
