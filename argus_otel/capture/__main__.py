"""`python -m argus_otel.capture`: the command as a hook runs it, without the start-up time of `argus-otel`."""

from __future__ import annotations

import os
import sys

from argus_otel.capture.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdin.buffer, os.environ))
