"""What the made-up team asks for, what is done and what is answered. The secret in it is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Step:
    """One thing done on the way: what is said before, the tool, its input and its output."""

    says: str
    tool: str
    input: Mapping[str, str]
    output: str


@dataclass(frozen=True, slots=True)
class Task:
    """A prompt, the steps and the answer."""

    prompt: str
    steps: tuple[Step, ...]
    answer: str


def _bash(says: str, command: str, output: str) -> Step:
    return Step(says, "Bash", {"command": command}, output)


def _read(says: str, path: str, output: str) -> Step:
    return Step(says, "Read", {"file_path": path}, output)


def _edit(says: str, path: str, old: str, new: str) -> Step:
    edited = {"file_path": path, "old_string": old, "new_string": new}
    return Step(says, "Edit", edited, f"The file {path} has been updated.")


TASKS = (
    Task(
        "The checkout test has failed since this morning, find out why and fix it",
        (
            _bash(
                "I will run the failing test first.",
                "pytest tests/test_checkout.py -x",
                "1 failed: assert 1999 == 2000",
            ),
            _read(
                "The total is off by one cent.",
                "src/checkout/total.py",
                "total = sum(round(item.price) for item in items)",
            ),
            _edit(
                "It rounds each item instead of the sum.",
                "src/checkout/total.py",
                "sum(round(item.price) for item in items)",
                "round(sum(item.price for item in items))",
            ),
            _bash("Now the test again.", "pytest tests/test_checkout.py", "12 passed in 1.41s"),
        ),
        "Fixed: the total was rounded per item. It is rounded once now, and all 12 checkout tests pass.",
    ),
    Task(
        "Add a retry with back-off to the ledger client",
        (
            _read(
                "I will look at the client.",
                "src/ledger/client.py",
                "def post(self, entry):\n    return self._http.post(URL, entry)",
            ),
            Step(
                "Where else is it called?",
                "Grep",
                {"pattern": "ledger.*post"},
                "src/payout/run.py:41\nsrc/refund/run.py:17",
            ),
            _edit(
                "A decorator fits here.",
                "src/ledger/client.py",
                "    def post(",
                "    @retry(attempts_max=5)\n    def post(",
            ),
            _bash(
                "Checking types and tests.",
                "mypy src && pytest tests/ledger",
                "Success: no issues found\n31 passed in 3.02s",
            ),
        ),
        "Posting to the ledger is tried five times now, with jittered back-off; both callers are unchanged.",
    ),
    Task(
        "What is left to do for the issue PAY-42?",
        (
            Step(
                "I will read the issue.",
                "mcp__tracker__get_issue",
                {"key": "PAY-42"},
                "PAY-42 Idempotent refunds. Open: migration",
            ),
            _bash(
                "And what is done already.",
                "git log --oneline -5 --grep PAY-42",
                "3fa1c2e PAY-42 refund key\n91b0d7a PAY-42 handler",
            ),
        ),
        "The handler and the key are merged. The migration that makes the key unique is still missing.",
    ),
    Task(
        "Search is slow for queries with umlauts, profile it",
        (
            _bash(
                "I will measure first.", "python -m bench.query --text 'Grüße' --repeat 20", "p50 412 ms, p99 980 ms"
            ),
            _read(
                "Next, the normalizer.",
                "src/index/normalize.py",
                "def fold(text):\n    return ''.join(TABLE.get(c, c) for c in text)",
            ),
            _edit(
                "It folds on every query.",
                "src/index/normalize.py",
                "def fold(",
                "@lru_cache(maxsize=65536)\ndef fold(",
            ),
            _bash("Measuring again.", "python -m bench.query --text 'Grüße' --repeat 20", "p50 38 ms, p99 61 ms"),
        ),
        "Folding was repeated for each query. Cached, the median falls from 412 ms to 38 ms.",
    ),
    Task(
        "Write the release notes for this week",
        (
            Step("There is a skill for that.", "Skill", {"skill": "release-notes"}, "Launching skill: release-notes"),
            _bash(
                "What was merged?",
                "git log --since=7.days --merges --oneline",
                "a81f0c3 Refund keys\n77d2e19 Faster folding",
            ),
            Step(
                "Writing them down.",
                "Write",
                {"file_path": "RELEASE.md", "content": "- Refund keys\n- Faster folding\n"},
                "created",
            ),
        ),
        "RELEASE.md lists the two merges of the week, newest first.",
    ),
    Task(
        "Why does the nightly import take three hours?",
        (
            _bash("Looking at the last runs.", "tail -n 3 logs/import.log", "rows=1200000 seconds=10820"),
            _read("The loop is here.", "src/import/run.py", "for row in rows:\n    cursor.execute(INSERT, row)"),
        ),
        "It inserts row by row. In batches of 10,000 it should take about four minutes; shall I change it?",
    ),
)

FOLLOW_UPS = (
    Task(
        "Yes, and add a test for it",
        (
            Step(
                "A regression test, then.",
                "Write",
                {"file_path": "tests/test_regression.py", "content": "def test_it(): ..."},
                "created",
            ),
            _bash("Running it.", "pytest tests/test_regression.py", "1 passed in 0.12s"),
        ),
        "The test fails without the change and passes with it.",
    ),
    Task(
        "Open a pull request",
        (
            _bash("Committing it.", "git commit -am 'One change, held by a test'", "[work 3fa1c2e] 2 files changed"),
            _bash("Opening it.", "git push -u origin HEAD && gh pr create --fill", "branch set up to track origin"),
        ),
        "The branch is pushed and the pull request is open, with the test output in its description.",
    ),
    Task("Thanks. Summarize it in one sentence", (), "One function was changed, and a test holds it in place."),
)

OFFICE_TASKS = (
    Task(
        "Turn the meeting notes into a list of actions",
        (
            _read(
                "Reading the notes.", "notes/planning.md", "Search: decide on cache size. Payments: refund migration."
            ),
            Step(
                "Writing the list.",
                "Write",
                {"file_path": "notes/actions.md", "content": "1. cache size\n2. migration\n"},
                "created",
            ),
        ),
        "Two actions: decide on the cache size, and run the refund migration.",
    ),
    Task(
        "Compare these two quotes and tell me which is cheaper over three years",
        (_read("Reading both.", "quotes/quotes.csv", "a,1200,yearly\nb,95,monthly"),),
        "Quote b costs 3,420 over three years and quote a 3,600: b is cheaper by 180.",
    ),
)

FAILURE = "Exit code 1\nERROR: command failed, see the log above"

LOOP_SETUP = Task(
    "Make the integration tests of payments pass on the new cluster",
    (
        _bash(
            "I will see how the tests log in.",
            "grep TOKEN .env.integration",
            "PAYMENTS_TOKEN=made-up-secret-0001",
        ),
        _bash("Now the tests as they are.", "make integration-test", "collected 214 items\n213 passed, 1 failed"),
    ),
    "One of 214 tests fails: it cannot reach the database. I can go on until it passes.",
)
LOOP_PROMPT = "Yes, keep going until it passes"
LOOP_SAYS = (
    "Still refused. I will change the time-out and run them again.",
    "The same error. I will run everything once more.",
    "Perhaps it is flaky. Once more, with the whole log in view.",
)
LOOP_COMMAND = "make integration-test VERBOSE=1"
LOOP_FAILURE = (
    "Exit code 2\nFAILED tests/integration/test_payout.py: connection to db.example:5432 refused\nmake: *** Error 1"
)
LOOP_ANSWER = "It still fails with the same error. The new cluster's firewall refuses the port; this needs a person."
