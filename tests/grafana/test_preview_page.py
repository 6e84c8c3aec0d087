"""The page as a reader has it: from a dashboard to the transcript by its own links, in a real browser too."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from known import RANGE

from argus_otel.errors import StoreError
from argus_otel.grafana.preview import Notice, Page, Visit, render_page
from argus_otel.store import ServerStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from known import Known
    from services import Service

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
TEXT_VIEWS = re.compile(r"argus\.(transcript|messages|\w+_text|\w+_messages)")


class Links(HTMLParser):
    """Which sections there are, and where each one's links lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.of: dict[str, set[str]] = {}
        self._section = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "section":
            self._section = given["id"] or ""
            self.of[self._section] = set()
        elif tag == "a" and self._section:
            self.of[self._section].add(given["href"] or "")


@pytest.fixture(scope="module")
def reader(service: Service) -> Iterator[ServerStore]:
    store = ServerStore(f"http://{service.addresses['clickhouse_http']}")
    yield store
    store.close()


@pytest.fixture(scope="module")
def page(reader: ServerStore) -> Page:
    notice = Notice(
        "Cost of default", "page", ["63 USD where 1 is usual"], [("Sessions", "/d/argus-cost?from=now-1d&to=now")]
    )
    return render_page(reader, [Visit("argus-cost", (), RANGE)], sections_max=6, notices=[notice])


def test_no_panel_fails(page: Page) -> None:
    assert page.failures == []
    assert page.section_count == 6


def test_the_costliest_session_is_two_clicks_from_its_cost(page: Page, data: Known) -> None:
    links = Links(page.html)
    cost = next(anchor for anchor in links.of if anchor.startswith("argus-cost"))
    first = {link.removeprefix("#") for link in links.of[cost]}
    second = {link.removeprefix("#") for anchor in first & links.of.keys() for link in links.of[anchor]}
    reached = {anchor for anchor in first | second if anchor.startswith("argus-session-")}
    assert reached
    assert any(data.costliest.session_id in section_of(page, anchor) for anchor in reached)


def test_its_transcript_is_there_and_redacted(page: Page) -> None:
    assert "make integration-test VERBOSE=1" in page.html
    assert "[REDACTED:" in page.html
    assert "made-up-secret" not in page.html


def test_every_link_leads_somewhere(page: Page) -> None:
    links = Links(page.html)
    assert {link for found in links.of.values() for link in found if link.startswith("#")} <= {
        f"#{each}" for each in links.of
    }


def test_a_reader_of_numbers_gets_the_numbers(reader: ServerStore) -> None:
    class NumbersOnly:
        """What a server answers to a login without the text views."""

        def rows(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
            if TEXT_VIEWS.search(sql):
                raise StoreError("Code: 497. Not enough privileges", 497)
            return reader.rows(sql, parameters)

    made = render_page(NumbersOnly(), [Visit("argus-sessions", (), RANGE)], sections_max=1)
    assert made.failures == []
    assert "which this login is not granted" in made.html


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here: the page was not looked at in a browser")
def test_in_a_browser_each_link_shows_its_section_alone(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(page.html)
    anchors = list(Links(page.html).of)
    for anchor in ["", anchors[0], anchors[-1]]:
        dom, said = browse(f"{file.as_uri()}#{anchor}", tmp_path / f"profile-{anchor}")
        shown = re.findall(r'<section id="([^"]+)" class="[^"]*shown', dom)
        assert shown == [anchor or anchors[0]]
        assert "CONSOLE" not in said, said


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here: the page was not looked at in a browser")
def test_in_a_browser_hostile_words_run_nothing(reader: ServerStore, tmp_path: Path) -> None:
    notice = Notice("<img src=x onerror=document.title='run'>", "page", ["<script>document.title='run'</script>"])
    made = render_page(reader, [Visit("argus-versions", (), RANGE)], sections_max=1, notices=[notice])
    file = tmp_path / "page.html"
    file.write_text(made.html)
    dom, _ = browse(file.as_uri(), tmp_path / "profile")
    assert "<title>run</title>" not in dom


def section_of(page: Page, anchor: str) -> str:
    _, _, after = page.html.partition(f'<section id="{anchor}"')
    return after.partition("</section>")[0]


def browse(url: str, profile: Path) -> tuple[str, str]:
    """Return the document after its script ran, and what the browser's console said."""
    assert BROWSER is not None
    quiet = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    command = [
        BROWSER, *quiet.split(), "--disable-component-update", "--disable-sync", "--enable-logging=stderr",
        f"--user-data-dir={profile}", "--dump-dom", url,
    ]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, text=True, timeout=90)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout, ran.stderr
