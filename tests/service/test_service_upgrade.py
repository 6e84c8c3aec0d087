"""
A data folder that an earlier version left is opened, migrated and served: its views are those of this version for the same
input, and what is sent again changes nothing.

One folder for each schema whose tables differ (scripts/data_folder.py): of the first tables, of those with the erasure of
sessions, of those with summaries, of those with what views over a collector's tables brought. Schemas between them were never
anybody's.
"""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from services import serving

from argus_otel.demo.recordings import NAMES, content, requests

if TYPE_CHECKING:
    from services import Service

FIXTURES = sorted((Path(__file__).parent.parent / "fixtures").glob("data-*.tar.xz"))
OF_ONE_SESSION = {"data-0.1.0.tar.xz": ("default",)}
"""Recordings in a folder that has not all of them."""

VIEWS = """
    SELECT name FROM system.tables
    WHERE database = 'argus' AND engine = 'View' AND empty(parameterized_view_parameters) AND NOT endsWith(name, '_cells')
        AND name != 'fresh_sessions'
    ORDER BY name"""
"""
All without parameters; none depends on the time of day. Lists in `*_cells` have no order: hourly views take them apart. Which
sessions are fresh depends on how far the summing up is.
"""
READ_OFTEN = {"sessions", "turns", "tool_calls", "api_requests", "session_text", "turn_text", "tool_text", "transcript"}


def recorded(archive: Path) -> tuple[str, ...]:
    return OF_ONE_SESSION.get(archive.name, tuple(NAMES))


def send(service: Service, names: tuple[str, ...]) -> None:
    for kind, body in [item for name in names for item in [*requests(name), *content(name)]]:
        service.send(kind, body)


def snapshot(service: Service) -> dict[str, bytes]:
    views = [row["name"] for row in service.rows(VIEWS)]
    # What is sent again stands twice in `messages` until the engine has merged; everywhere else it counts once.
    return {
        view: service.query(
            f"SELECT {'DISTINCT' if view == 'messages' else ''} * FROM argus.{view} ORDER BY ALL", "TSVWithNames"
        )
        for view in views
    }


@pytest.fixture(scope="module")
def now(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, ...], dict[str, bytes]]:
    """The views of this version, by the recordings that were sent."""
    found = {}
    for names in {recorded(archive) for archive in FIXTURES}:
        with serving(tmp_path_factory.mktemp("now") / "data") as service:
            send(service, names)
            service.wait_until_loaded()
            found[names] = snapshot(service)
    return found


@pytest.mark.parametrize("archive", FIXTURES, ids=lambda path: path.name)
def test_a_folder_of_an_earlier_version_gives_the_views_of_this_one(
    tmp_path: Path, archive: Path, now: dict[tuple[str, ...], dict[str, bytes]]
) -> None:
    with tarfile.open(archive) as packed:
        packed.extraction_filter = getattr(tarfile, "tar_filter", None)  # newer ones than 3.11.3 ask for one
        packed.extractall(tmp_path)
    expected = now[recorded(archive)]
    with serving(tmp_path / "data") as service:
        opened = snapshot(service)
        findings = service.query("SELECT count() FROM argus.text_findings FINAL", "TSV")
        landed = service.query("SELECT * FROM otel.otel_logs", "TSV") + service.query(
            "SELECT * FROM otel.otel_traces", "TSV"
        )
        send(service, recorded(archive))
        sums = service.wait_until_loaded()
        again = snapshot(service)
        found_again = service.query("SELECT count() FROM argus.text_findings FINAL", "TSV")
    assert set(expected) > READ_OFTEN
    assert opened.keys() == again.keys() == expected.keys()
    for view in expected:
        assert opened[view] == expected[view], view
        assert again[view] == expected[view], view
    assert findings == found_again, "what later tables hold was filled in from what was there"
    assert b"0.090675" in opened["sessions"], "what the recorded session cost"
    assert b"[REDACTED:" in landed, "what was a secret"
    assert b"wJalrXUtnFEMI" not in landed + opened["transcript"]
    assert sums["missing"] == 0


def test_there_is_a_folder_of_each_schema_whose_tables_differ() -> None:
    assert {path.name for path in FIXTURES} >= {
        "data-0.1.0.tar.xz",
        "data-0.1.0-erasure.tar.xz",
        "data-0.1.0-rollup.tar.xz",
        "data-0.1.0-stack.tar.xz",
    }
