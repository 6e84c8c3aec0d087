"""
`argus-otel plugin …` and `argus-otel claude`: what is asked, what is shown; the work is done beside.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer
from typer.core import TyperCommand

from argus_otel.errors import ConfigError
from argus_otel.terminal import Format, Output, Yes, failures, show

if TYPE_CHECKING:
    from argus_otel.plugin.edits import Change

LEVELS = ("full", "metadata", "off")

plugin_app = typer.Typer(
    help="The capture plugin for Claude Code, the Agent SDK and Cowork: install it, look at it, try it.",
    no_args_is_help=True,
)


def _level(value: str | None) -> str | None:
    if value is not None and value not in LEVELS:
        raise typer.BadParameter(f"{value!r} is none of {', '.join(LEVELS)}")
    return value


Endpoint = Annotated[
    Optional[str], typer.Option("--endpoint", help="OTLP/HTTP address of argus-otel (http://127.0.0.1:4318).")
]
TokenFile = Annotated[Optional[Path], typer.Option("--token-file", help="File with the bearer token of the endpoint.")]
CaptureLevel = Annotated[
    Optional[str],
    typer.Option("--capture-level", callback=_level, help="full, metadata (names and measures, no text) or off."),
]


@plugin_app.command("path")
def path() -> None:
    """Assemble the plugin folder and print its path: `claude --plugin-dir "$(argus-otel plugin path)"`."""
    with failures():
        from argus_otel.plugin.pack import MARKETPLACE_PLUGIN, assemble

        typer.echo(assemble() / MARKETPLACE_PLUGIN)


@plugin_app.command("pack")
def pack(
    output: Annotated[
        Path, typer.Option("--output", help="Folder to write, or a zip if it ends so (for Cowork's plugin panel).")
    ] = Path("argus-otel-plugin.zip"),
    marketplace: Annotated[
        bool, typer.Option("--marketplace", help="A marketplace with the plugin in it, to roll it out.")
    ] = False,
    endpoint: Endpoint = None,
    token_file: TokenFile = None,
    token_env: Annotated[
        Optional[str], typer.Option("--token-env", metavar="NAME", help="Variable with the token, instead of a file.")
    ] = None,
    capture_level: CaptureLevel = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what was packed there before.")] = False,
    also: Annotated[
        Optional[list[str]],
        typer.Option("--set", metavar="KEY=VALUE", help="Any other setting of docs/plugin.md; VALUE may be JSON."),
    ] = None,
) -> None:
    """Write the plugin with an organisation's defaults in it, which a user's own settings still win over."""
    with failures():
        from argus_otel.plugin.defaults import packed_defaults
        from argus_otel.plugin.pack import PackError, marketplace_files, plugin_files, write_folder, write_zip

        defaults = packed_defaults(endpoint, token_file, token_env, capture_level, also or [])
        files = plugin_files(defaults)
        if marketplace:
            files = marketplace_files(files)
        if _is_taken(output) and not force:
            raise PackError(f"{output} exists: name another place, or give --force to replace a plugin that is there")
        (write_zip if output.suffix == ".zip" else write_folder)(files, output)
        typer.echo(f"wrote {output}")
        if "token" in defaults:
            typer.echo("the token is in it: whoever can read the plugin can send in its name", err=True)


def _is_taken(output: Path) -> bool:
    return output.exists() and not (output.is_dir() and not any(output.iterdir()))


@plugin_app.command("install")
def install(
    endpoint: Endpoint = None,
    token_file: TokenFile = None,
    capture_level: CaptureLevel = None,
    with_telemetry: Annotated[
        bool, typer.Option("--with-telemetry", help="Also make Claude Code send its own OpenTelemetry there.")
    ] = False,
    telemetry_endpoint: Annotated[
        Optional[str], typer.Option(help="Where that goes, if not to --endpoint; for grpc usually port 4317.")
    ] = None,
    telemetry_protocol: Annotated[str, typer.Option(help="http/protobuf, http/json or grpc.")] = "http/protobuf",
    scope: Annotated[str, typer.Option(help="user: every session; project: only those in this folder.")] = "user",
    yes: Yes = False,
) -> None:
    """Make Claude Code load the plugin from its next session on; shows what it changes and asks first."""
    with failures():
        from argus_otel.plugin import install as installing

        if scope not in ("user", "project"):
            raise ConfigError(f"--scope is user or project (given: {scope!r})")
        if capture_level is None and not yes:
            asked = "Capture level: full, metadata (no text) or off"
            capture_level = typer.prompt(asked, default="full", value_proc=_level)
        choices = installing.Choices(
            endpoint,
            token_file,
            capture_level,
            is_for_project=scope == "project",
            has_telemetry=with_telemetry,
            telemetry_endpoint=telemetry_endpoint,
            telemetry_protocol=telemetry_protocol,
        )
        changes = installing.planned(choices)
        _show_changes(changes)
        if stays := installing.unchanged_telemetry(choices):
            typer.echo(f"Claude Code's own OpenTelemetry goes to {stays} as before: --telemetry-endpoint changes it")
        if changes and not yes:
            typer.confirm("Change this?", abort=True)
        for copy in installing.install(changes):
            typer.echo(f"copied what was there to {copy}")
        typer.echo(
            "installed; new sessions have it. `argus-otel plugin test` tries the way to the endpoint."
            if changes
            else "no setting had to change; new sessions have this version of the plugin"
        )


def _show_changes(changes: list[Change]) -> None:
    for file in dict.fromkeys(change.value.file for change in changes):
        typer.echo(f"{file}{'' if file.exists() else ' (new)'}")
        for change in changes:
            if change.value.file == file:
                typer.echo("\n".join(change.lines))


@plugin_app.command("uninstall")
def uninstall(yes: Yes = False) -> None:
    """Take back what `plugin install` changed, and nothing that was changed since."""
    with failures():
        from argus_otel.plugin import edits
        from argus_otel.plugin import install as installing

        files = edits.noted_files(installing.journal())
        if not files:
            typer.echo("nothing to take back: `argus-otel plugin install` changed nothing here")
            return
        typer.echo("\n".join(files))
        if not yes:
            typer.confirm("Take back what was changed in these files?", abort=True)
        typer.echo("\n".join(installing.uninstall()))


@plugin_app.command("status")
def status(output: Output = Format.TABLE) -> None:
    """Show where the plugin is installed, what it is set to, what waits to be sent, and private sessions."""
    with failures():
        from argus_otel.plugin.status import look
        from argus_otel.plugin.status_lines import status_lines

        found = look()
        if output is Format.JSON:
            show(found, output, None)
            return
        # Lines, not tables: an id, an address and a time can be copied from any width.
        typer.echo("\n".join(status_lines(found, shutil.get_terminal_size().columns if sys.stdout.isatty() else None)))


@plugin_app.command("test")
def test() -> None:
    """Send a made-up session through the plugin to the endpoint and say, hop by hop, how far it came."""
    with failures():
        from argus_otel.plugin.trial import hops

        is_through = True
        for hop in hops():
            typer.echo(f"{'ok    ' if hop.is_ok else 'failed'}  {hop.name}: {hop.finding}")
            is_through = is_through and hop.is_ok
        if not is_through:
            raise typer.Exit(1)


class OursFirst(TyperCommand):
    """Our options end at the first argument that is none of them; all that follows is for `claude`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Part them with the `--` that a user need not write."""
        takes_value = {name: not getattr(option, "is_flag", True) for option in self.params for name in option.opts}
        takes_value["--help"] = False
        count = 0
        while count < len(args) and (name := args[count].partition("=")[0]) in takes_value:
            count += 2 if takes_value[name] and "=" not in args[count] else 1
        rest = args[count:]
        return super().parse_args(ctx, [*args[:count], *([] if rest[:1] == ["--"] else ["--"]), *rest])


def claude(
    arguments: Annotated[
        Optional[list[str]], typer.Argument(metavar="[ARGS]...", help="What `claude` is given, as it is.")
    ] = None,
    data_dir: Annotated[
        Optional[Path], typer.Option("--data-dir", envvar="ARGUS_OTEL_DATA_DIR", help="Data folder of the service.")
    ] = None,
    config: Annotated[
        Optional[Path], typer.Option("--config", envvar="ARGUS_OTEL_CONFIG", help="Config file (TOML).")
    ] = None,
    token_file: Annotated[
        Optional[Path], typer.Option("--token-file", help="File with the bearer token of the service.")
    ] = None,
    claude_bin: Annotated[
        Optional[str], typer.Option("--claude-bin", envvar="ARGUS_OTEL_CLAUDE", help="The `claude` to run.")
    ] = None,
) -> None:
    """Run `claude` once with the plugin and its telemetry pointed at the running service, or at one started for it."""
    with failures():
        from argus_otel.config import load_config
        from argus_otel.plugin.session import find_claude, run_claude

        program = find_claude(claude_bin)
        settings = load_config({"data_dir": data_dir} if data_dir else {}, config)
        ended = run_claude(settings, config, program, arguments or [], token_file)
        where = f" --config {shlex.quote(str(config))}" if config else ""
        if data_dir:
            where += f" --data-dir {shlex.quote(str(settings.data_dir))}"
        if ended.trouble:
            typer.echo(f"argus-otel: not all of this session was received: {ended.trouble}", err=True)
        serving = "" if ended.is_served else f", while `argus-otel serve{where}` runs"
        for session_id in ended.session_ids:
            typer.echo(f"argus-otel: read it with `argus-otel session {session_id}{where}`{serving}", err=True)
        raise typer.Exit(ended.exit_code)
