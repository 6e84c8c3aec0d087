"""A data folder that an earlier version left is opened, migrated and served."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from services import serving

from argus_otel.demo.recordings import content, requests

FIXTURES = sorted((Path(__file__).parent.parent / "fixtures").glob("data-*.tar.xz"))


@pytest.mark.parametrize("archive", FIXTURES, ids=lambda path: path.name)
def test_a_folder_of_an_earlier_version_is_served(tmp_path: Path, archive: Path) -> None:
    with tarfile.open(archive) as packed:
        packed.extraction_filter = getattr(tarfile, "tar_filter", None)  # newer ones than 3.11.3 ask for one
        packed.extractall(tmp_path)
    with serving(tmp_path / "data") as service:
        [before] = service.rows("SELECT cost_usd, coverage, tool_call_count FROM argus.sessions")
        for kind, body in [*requests("default"), *content("default")]:
            service.send(kind, body)
        sums = service.wait_until_loaded()
        [after] = service.rows("SELECT cost_usd, coverage, tool_call_count FROM argus.sessions")
        said = b"wJalrXUtnFEMI" in service.query("SELECT * FROM argus.transcript", "TSV")
    assert before["cost_usd"] == after["cost_usd"] == 0.090675
    assert (after["coverage"], int(after["tool_call_count"]), said) == ("both", 9, False)
    assert sums["missing"] == 0


def test_there_is_a_folder_of_the_first_version() -> None:
    assert FIXTURES[0].name == "data-0.1.0.tar.xz"
