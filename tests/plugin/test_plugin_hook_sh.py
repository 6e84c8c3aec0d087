"""hook.sh in every shell that is here, with the Pythons that users' machines have, as scripts on PATH."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from argus_otel.plugin.pack import plugin_files, write_folder

PYTHON = sys.executable
PRIVATE = b'{"session_id": "s-1", "hook_event_name": "UserPromptSubmit", "prompt": "/private"}'
SHELLS = {
    "sh": ["sh"],
    "dash": ["dash"],
    "bash": ["bash", "--posix"],
    "busybox": ["busybox", "ash"],
}
STORE_STUB = (
    "#!/bin/sh\necho 'Python was not found; run without arguments to install from the Microsoft Store'\nexit 49\n"
)
# Python 2 and 3.8: they run, and leave stdin alone until hook.py would read it.
OLD = "#!/bin/sh\necho 'unknown option -I' >&2\nexit 2\n"
DIALOG = "#!/bin/sh\ntouch {trace}\nexit 1\n"


@pytest.fixture(params=SHELLS, ids=list(SHELLS))
def shell(request: pytest.FixtureRequest) -> list[str]:
    command = SHELLS[request.param]
    found = shutil.which(command[0])
    if found is None:
        pytest.skip(f"{command[0]} is not here")
    return [found, *command[1:]]


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("with a space") / "plug in"
    write_folder(plugin_files(), folder)
    return folder


class Machine:
    """A PATH of one's own, a home and a state folder."""

    def __init__(self, shell: list[str], plugin: Path, folder: Path) -> None:
        self.shell, self.plugin, self.folder = shell, plugin, folder
        self.path: list[Path] = []
        self.state = folder / "state"
        self.variables: dict[str, str] = {}

    def add(self, name: str, script: str, folder: str = "bin") -> Path:
        program = self.folder / folder / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(script)
        program.chmod(0o755)
        if program.parent not in self.path:
            self.path.append(program.parent)
        return program

    def add_python(self, name: str = "python3", folder: str = "real") -> Path:
        return self.add(name, f'#!/bin/sh\nexec "{PYTHON}" "$@"\n', folder)

    def run(self, argument: str = "UserPromptSubmit", told: bytes = PRIVATE) -> subprocess.CompletedProcess[bytes]:
        environ = {
            "PATH": ":".join(map(str, self.path)),
            "HOME": str(self.folder),
            "CLAUDE_PLUGIN_DATA": str(self.state),
            "ARGUS_OTEL_ENDPOINT": "http://127.0.0.1:1",
        }
        return subprocess.run(
            [*self.shell, str(self.plugin / "hook.sh"), argument],
            input=told,
            capture_output=True,
            env=environ | self.variables,
            timeout=60,
        )

    def interpreter(self) -> list[str]:
        done = self.run("--interpreter")
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout.decode().splitlines()

    def is_private(self) -> bool:
        return (self.state / "private" / "s-1").exists()


@pytest.fixture
def machine(shell: list[str], plugin: Path, tmp_path: Path) -> Machine:
    return Machine(shell, plugin, tmp_path)


def assert_answered(done: subprocess.CompletedProcess[bytes]) -> None:
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b'{"decision": "block", "reason": "')
    assert done.stdout.count(b"\n") == 1


def test_the_hook_gets_what_the_session_said(machine: Machine) -> None:
    machine.add_python()
    assert_answered(machine.run())
    assert machine.is_private()


def test_any_other_hook_prints_nothing(machine: Machine) -> None:
    machine.add_python()
    for event in ("PreToolUse", "Stop", "SessionStart", "NoSuchHook"):
        done = machine.run(event, b'{"session_id": "s-2", "hook_event_name": "%s"}' % event.encode())
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("told", [b"", b"{", b"\xff\x00 not json", b"[]"])
def test_what_is_no_hook_disturbs_nobody(machine: Machine, told: bytes) -> None:
    machine.add_python()
    done = machine.run(told=told)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_without_a_python_it_is_silent(machine: Machine) -> None:
    machine.path = [machine.folder / "nothing here"]
    done = machine.run()
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert machine.interpreter() == ["none"]


def test_the_store_stub_is_passed_over(machine: Machine) -> None:
    stub = machine.add("python3", STORE_STUB, "AppData/Local/Microsoft/WindowsApps")
    done = machine.run()
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    machine.add("python", STORE_STUB, "AppData/Local/Microsoft/WindowsApps")
    machine.add_python("python")
    assert_answered(machine.run())
    assert f"passed over {stub}: the stub of the Windows store" in machine.interpreter()


def test_the_stub_of_the_developer_tools_is_never_run(machine: Machine) -> None:
    """On a Mac without the tools, /usr/bin/python3 opens a dialog; xcode-select knows."""
    if not Path("/usr/bin/python3").exists():
        pytest.skip("there is no /usr/bin/python3 here")
    machine.add("xcode-select", "#!/bin/sh\necho 'error: unable to get active developer directory' >&2\nexit 2\n")
    machine.path.append(Path("/usr/bin"))
    assert machine.interpreter()[0] == "none" or not machine.interpreter()[0].endswith("/usr/bin/python3")
    assert "passed over /usr/bin/python3: the stub of macOS's developer tools" in machine.interpreter()
    machine.add("xcode-select", "#!/bin/sh\necho /Library/Developer/CommandLineTools\n")
    assert machine.interpreter()[-1].split(" ", 1)[1].startswith("/usr/bin/python3")


def test_one_that_is_too_old_leaves_the_input_to_the_next(machine: Machine) -> None:
    old = machine.add("python3", OLD)
    machine.add("python", OLD)
    machine.add_python("python3")
    assert_answered(machine.run())
    assert machine.is_private()
    assert f"passed over {old}: it fails, or is older than Python 3.9" in machine.interpreter()


@pytest.mark.parametrize("version", ["(3, 6)", "(3, 8, 18)"])
def test_the_version_is_looked_at_before_the_input(machine: Machine, version: str) -> None:
    """A Python that says it is old, and otherwise could."""
    pretending = f"""#!/bin/sh
[ "$1 $2 $3" = "-I -S -c" ] || exit 1
code=$4
shift 4
exec "{PYTHON}" -I -S -c "import sys
sys.version_info = {version}
$code" "$@"
"""
    machine.add("python3", pretending)
    done = machine.run()
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert not machine.is_private()
    machine.add_python("python")
    assert_answered(machine.run())


def test_what_a_failing_one_prints_is_not_said(machine: Machine) -> None:
    machine.add("python3", '#!/bin/sh\ncat\necho \'{"decision": "block"}\'\necho trouble >&2\nexit 3\n')
    done = machine.run()
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_launcher_is_asked_for_a_python_3(machine: Machine) -> None:
    machine.add("py", f'#!/bin/sh\n[ "$1" = -3 ] || exit 1\nshift\nexec "{PYTHON}" "$@"\n')
    assert_answered(machine.run())


def test_a_newer_one_of_another_name_is_found(machine: Machine) -> None:
    machine.add("python3", OLD)
    machine.add_python("python3.12", "bin")
    assert_answered(machine.run())


def test_a_version_managers_shim_comes_last(machine: Machine) -> None:
    machine.add("python3", DIALOG.format(trace=machine.folder / "shim ran"), "manager/shims")
    machine.add_python()
    assert_answered(machine.run())
    assert not (machine.folder / "shim ran").exists()
    machine.path = [machine.add_python("python3", "another/shims").parent]
    assert_answered(machine.run())


def test_a_python_in_the_project_is_not_run(machine: Machine) -> None:
    trace = machine.folder / "ran"
    machine.add("python3", DIALOG.format(trace=trace), "project")
    machine.path = [Path(), Path("project")]
    subprocess.run(
        [*machine.shell, str(machine.plugin / "hook.sh"), "Stop"],
        env={"PATH": ".::project"},
        cwd=machine.folder / "project",
        input=b"{}",
        timeout=60,
    )
    assert not trace.exists()


def test_the_variable_wins_and_is_the_only_one(machine: Machine) -> None:
    machine.add("python3", OLD)
    machine.variables["ARGUS_OTEL_PYTHON"] = str(machine.add_python("my python", "a folder"))
    machine.path.pop()
    assert_answered(machine.run())
    machine.add_python()
    machine.variables["ARGUS_OTEL_PYTHON"] = "/nowhere/python"
    done = machine.run()
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert machine.interpreter()[0] == "none"


def test_the_interpreter_is_told_with_its_version(machine: Machine) -> None:
    machine.add_python()
    version = ".".join(map(str, sys.version_info[:3]))
    assert machine.interpreter()[0].startswith(f"{version} /")


def test_a_hook_of_a_plugin_that_is_gone_blocks_nothing(plugin: Path) -> None:
    """A shell that finds no script ends with 2, and that would block the tool; as the hook is written, it does not."""
    import json

    hooks = json.loads((plugin / "hooks" / "hooks.json").read_bytes())["hooks"]
    for groups in hooks.values():
        command = groups[0]["hooks"][0]["command"]
        done = subprocess.run(["sh", "-c", command], env={"CLAUDE_PLUGIN_ROOT": "/no where", "PATH": "/usr/bin:/bin"})
        assert done.returncode == 0
