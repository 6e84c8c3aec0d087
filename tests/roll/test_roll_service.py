"""The service sums up by itself, and what an earlier run left first."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from services import serving

from argus_otel.demo.recordings import requests, truth

if TYPE_CHECKING:
    from pathlib import Path


def test_a_service_sums_up_what_an_earlier_one_loaded(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("rollup_margin_s = 1\nown_metrics_interval_s = 0\n")
    with serving(tmp_path / "data", "--config", str(config)) as service:
        for kind, body in requests("default"):
            service.send(kind, body)
        service.wait_until_loaded()
        [before] = service.rows("SELECT * FROM argus.session_list")
    with serving(tmp_path / "data", "--config", str(config)) as service:
        deadline_s = time.monotonic() + 120
        while service.rows("SELECT * FROM argus.fresh_sessions"):
            assert time.monotonic() < deadline_s, service.log.read_text()[-3000:]
            time.sleep(0.1)
        [summed] = service.rows("SELECT session_id, cost_nanousd FROM argus.session_rollup FINAL")
        assert (summed["session_id"], int(summed["cost_nanousd"])) == (truth("default")["session_id"], 90_675_000)
        assert service.rows("SELECT * FROM argus.session_list") == [before]
