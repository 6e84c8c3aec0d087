"""
files/ + capture/ + defaults -> the plugin as a folder, a zip or a marketplace; the same bytes for the same input.

A target appears whole or not at all: everything is written beside it and renamed.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argus_otel import __version__
from argus_otel.errors import ArgusError

if TYPE_CHECKING:
    from collections.abc import Mapping

    Files = dict[str, bytes]
    """Path inside the target, with `/` -> bytes; sorted."""

NAME = "argus-otel"
MARKETPLACE_PLUGIN = f"plugins/{NAME}"
"""Where the plugin stands in a marketplace folder."""

_PACKAGE = Path(__file__).parent.parent
_CODE = ("__init__.py", "capture/*.py", "privacy/patterns.json")
_MANIFEST = ".claude-plugin/plugin.json"
_DESCRIPTION = "Records Claude Code sessions for argus-otel, redacted at the source; /private opts a session out."
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


class PackError(ArgusError):
    """The target cannot be written; says why."""


def plugin_files(defaults: Mapping[str, Any] | None = None) -> Files:
    """Return the plugin folder; `defaults` become its config.json, what an organisation hands out."""
    template = Path(__file__).parent / "files"
    files = {path.relative_to(template).as_posix(): path.read_bytes() for path in _below(template)}
    manifest = json.loads(files[_MANIFEST])
    files[_MANIFEST] = _json(manifest | {"version": __version__})
    for pattern in _CODE:
        for path in _PACKAGE.glob(pattern):
            files[f"lib/argus_otel/{path.relative_to(_PACKAGE).as_posix()}"] = path.read_bytes()
    if defaults:
        files["config.json"] = _json(dict(sorted(defaults.items())))
    return dict(sorted(files.items()))


def marketplace_files(plugin: Files) -> Files:
    """Return a marketplace with this one plugin in it."""
    about = {
        "name": NAME,
        "owner": {"name": NAME},
        "description": _DESCRIPTION,
        "plugins": [{"name": NAME, "source": f"./{MARKETPLACE_PLUGIN}", "description": _DESCRIPTION}],
    }
    within = {f"{MARKETPLACE_PLUGIN}/{path}": data for path, data in plugin.items()}
    return dict(sorted({".claude-plugin/marketplace.json": _json(about), **within}.items()))


def plugin_home() -> Path:
    """Return the folder where assembled plugins stand, each in a folder named by version and content."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / f"{NAME}-plugin"


def assemble() -> Path:
    """Assemble this version's plugin where it stays, unless it is there already, and return its marketplace folder."""
    files = marketplace_files(plugin_files())
    folder = plugin_home() / f"{__version__}-{content_hash(files)[:8]}"
    if not _holds(folder, files):
        write_folder(files, folder)
    return folder


def content_hash(files: Files) -> str:
    """Return a sha256 over all paths and bytes."""
    sums = [f"{path}\0{hashlib.sha256(data).hexdigest()}" for path, data in sorted(files.items())]
    return hashlib.sha256("\n".join(sums).encode()).hexdigest()


def write_folder(files: Files, folder: Path) -> None:
    """
    Write a folder, in place of one that holds this plugin.

    Raises:
        PackError: something else stands there, or it cannot be written.
    """
    beside = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        if folder.exists() and not _is_ours(folder):
            raise PackError(f"{folder} exists and is no plugin of argus-otel: name another place")
        for path, data in files.items():
            target = beside / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            target.chmod(_mode(path))
        if _has_token(files):
            beside.chmod(0o700)
        _replace_folder(beside, folder)
    except OSError as error:
        raise PackError(f"cannot write {folder}: {error}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def write_zip(files: Files, target: Path) -> None:
    """
    Write a zip with `files` at its root.

    Raises:
        PackError: it cannot be written.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            entry = zipfile.ZipInfo(path, _ZIP_TIME)
            entry.create_system = 3  # unix, wherever it is made
            entry.external_attr = (0o100000 | _mode(path)) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside.touch(mode=0o600 if _has_token(files) else 0o644)
        beside.write_bytes(packed.getvalue())
        beside.replace(target)
    except OSError as error:
        raise PackError(f"cannot write {target}: {error}") from error
    finally:
        beside.unlink(missing_ok=True)


def _below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _mode(path: str) -> int:
    return 0o755 if path.endswith(".sh") else 0o644


def _has_token(files: Files) -> bool:
    return any(path.endswith("config.json") and b'"token"' in data for path, data in files.items())


def _holds(folder: Path, files: Files) -> bool:
    try:
        return all((folder / path).read_bytes() == data for path, data in files.items())
    except OSError:
        return False


def _is_ours(folder: Path) -> bool:
    names = (folder / _MANIFEST, folder / ".claude-plugin" / "marketplace.json")
    for manifest in names:
        try:
            if json.loads(manifest.read_bytes())["name"] == NAME:
                return True
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return folder.is_dir() and not any(folder.iterdir())


def _replace_folder(new: Path, folder: Path) -> None:
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
