"""
Values for keys of JSON files -> what would change, the change, and its way back.

Other keys and their order stay. A file is replaced whole or not at all, after a copy of it was put beside it. What was
done is noted in a journal, so that undoing takes away what was added and nothing that its owner changed since.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from argus_otel.errors import ArgusError

_ABSENT = object()


class EditError(ArgusError):
    """A file cannot be read, is no JSON object, or cannot be written; names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Value:
    """One key to be set."""

    file: Path
    keys: tuple[str, ...]
    value: Any
    is_secret: bool = False
    is_own: bool = False
    """Named after this plugin: undoing removes it even if it was changed since."""

    why: str = ""
    """Said where the change is shown, if nobody asked for it by name."""

    @property
    def name(self) -> str:
        """The key as a person writes it."""
        return ".".join(key if re.fullmatch(r"\w+", key) else json.dumps(key) for key in self.keys)


@dataclass(frozen=True, slots=True)
class Change:
    """One key whose value would be another. `before` is None if it was not there."""

    value: Value
    before: str | None

    @property
    def lines(self) -> list[str]:
        """The change as a diff; a secret is not shown."""
        old = [] if self.before is None else [f"  - {self.value.name} = {self._shown(self.before)}"]
        why = f"   ({self.value.why})" if self.value.why else ""
        return [*old, f"  + {self.value.name} = {self._shown(json.dumps(self.value.value, ensure_ascii=False))}{why}"]

    def _shown(self, text: str) -> str:
        return "(not shown)" if self.value.is_secret else text


def changes(values: list[Value]) -> list[Change]:
    """
    Return which of the values are not set yet.

    Raises:
        EditError: a file is there and holds no JSON object.
    """
    found = []
    for value in values:
        before = _get(_read(value.file).data, value)
        if before is _ABSENT or before != value.value:
            found.append(Change(value, None if before is _ABSENT else json.dumps(before, ensure_ascii=False)))
    return found


def apply(wanted: list[Change], journal: Path) -> list[Path]:
    """
    Set the values, and return the copies of the files as they were.

    Raises:
        EditError: a file cannot be written; those before it are changed and noted.
    """
    notes = _notes(journal)
    copies = []
    for path in dict.fromkeys(change.value.file for change in wanted):
        file = _read(path)
        note = notes.get(str(path))
        if note is None or file.text is None:
            note = {"existed": file.text is not None, "original": None, "written": None, "keys": []}
            notes[str(path)] = note | {"made_folders": _make_folder(file.path.parent)}
            note = notes[str(path)]
        if file.text is not None and note["written"] != _sum(file.text):
            copies.append(_copy(file))
            # If someone wrote it since, only key by key can it be undone.
            note["original"] = None if note["keys"] else str(copies[-1])
            note["existed"] = True
        for change in (change for change in wanted if change.value.file == path):
            _note_key(note["keys"], change, _put(file.data, change.value))
        text = _written(file)
        note["written"] = _sum(text)
        # First the note, then the deed: what is noted and not there is skipped when it is undone.
        _save(notes, journal)
        replace(file.path, text, has_secret=any(change.value.is_secret for change in wanted))
    return copies


def undo(journal: Path) -> list[str]:
    """
    Take back everything that is noted, and return a line for each thing done or left.

    Raises:
        EditError: a file holds no JSON object any more, or cannot be written; what was undone before it stays undone.
    """
    notes = _notes(journal)
    said = []
    for name, note in list(notes.items()):
        said += _undo_file(Path(name), note)
        del notes[name]
        _save(notes, journal)
    journal.unlink(missing_ok=True)
    return said


def ours(file: Path, journal: Path) -> dict[tuple[str, ...], Any]:
    """
    Return the keys of a file that were set here, with their values; not those that were changed since.

    Raises:
        EditError: a file is there and holds no JSON object.
    """
    noted = _notes(journal).get(str(file), {}).get("keys", [])
    values = [(note, _get(_read(file).data, Value(file, tuple(note["keys"]), None))) for note in noted]
    return {tuple(note["keys"]): value for note, value in values if _is_as_written(value, note)}


def _is_as_written(value: Any, note: dict[str, Any]) -> bool:
    return value is not _ABSENT and _sum_of(value) == note["written"]


def noted_files(journal: Path) -> list[str]:
    """Return the files that were changed."""
    return list(_notes(journal))


@dataclass(slots=True)
class _File:
    path: Path
    """Where it really is: a link stays a link."""

    text: bytes | None
    data: dict[str, Any]


def _read(path: Path) -> _File:
    real = path.resolve()
    try:
        text = real.read_bytes()
    except FileNotFoundError:
        return _File(real, None, {})
    except OSError as error:
        raise EditError(f"cannot read {path}: {error.strerror}") from error
    try:
        data = json.loads(text.decode("utf-8-sig")) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        raise EditError(f"{path} is no JSON, so it is left as it is: repair it first ({error})") from error
    if not isinstance(data, dict):
        raise EditError(f"{path} holds no JSON object, so it is left as it is: repair it first")
    return _File(real, text, data)


def _get(data: dict[str, Any], value: Value) -> Any:
    *folders, last = value.keys
    for key in folders:
        inner = data.get(key, {})
        if not isinstance(inner, dict):
            raise EditError(f"{value.file}: {key} is no JSON object, so it is left as it is: repair it first")
        data = inner
    return data.get(last, _ABSENT)


def _put(data: dict[str, Any], value: Value) -> int:
    """Set it, and return how many of the objects around it had to be made."""
    *folders, last = value.keys
    made = 0
    for key in folders:
        made += key not in data
        data = data.setdefault(key, {})
    data[last] = value.value
    return made


def _note_key(keys: list[dict[str, Any]], change: Change, made: int) -> None:
    value = change.value
    was = _ABSENT if change.before is None else json.loads(change.before)
    before = {} if was is _ABSENT else {"before": was}
    note = {"keys": list(value.keys), "made": made, "is_own": value.is_own, **before}
    for number, known in enumerate(keys):
        if known["keys"] == note["keys"]:
            is_still_ours = was is not _ABSENT and _sum_of(was) == known["written"]
            keys[number] = (known if is_still_ours else note) | {"written": _sum_of(value.value)}
            return
    keys.append(note | {"written": _sum_of(value.value)})


def _undo_file(path: Path, note: dict[str, Any]) -> list[str]:
    file = _read(path)
    if file.text is None:
        return [f"{path}: is gone, nothing to undo"]
    if note["written"] == _sum(file.text) and (restored := _restore(file, note)):
        return [f"{path}: {restored}"]
    left = [".".join(key["keys"]) for key in reversed(note["keys"]) if not _undo_key(file.data, key)]
    if file.data or note["existed"]:
        replace(file.path, _written(file))
    else:
        _remove(file, note)
    return [f"{path}: what was added is taken out", *(f"{path}: {key} was changed since, so it stays" for key in left)]


def _restore(file: _File, note: dict[str, Any]) -> str | None:
    """Bring back the file as it was, byte by byte, and say so; None if that is not known."""
    if not note["existed"]:
        _remove(file, note)
        return "removed, it was not there before"
    if note["original"] is None:
        return None
    copy = Path(note["original"])
    try:
        text, mode = copy.read_bytes(), copy.stat().st_mode & 0o777
    except OSError:
        return None
    replace(file.path, text)
    file.path.chmod(mode)
    copy.unlink()
    return "restored as it was"


def _remove(file: _File, note: dict[str, Any]) -> None:
    file.path.unlink()
    for made in [file.path.parent, *file.path.parents[1:]][: note["made_folders"]]:
        try:
            made.rmdir()
        except OSError:
            return  # others have put something into it


def _undo_key(data: dict[str, Any], note: dict[str, Any]) -> bool:
    *folders, last = note["keys"]
    around = [data]
    for key in folders:
        inner = around[-1].get(key)
        if not isinstance(inner, dict):
            return True  # its owner took it out already
        around.append(inner)
    if last not in around[-1]:
        return True
    if _sum_of(around[-1][last]) != note["written"] and not note["is_own"]:
        return False
    if "before" in note:
        around[-1][last] = note["before"]
        return True
    del around[-1][last]
    for depth in range(len(folders), len(folders) - note["made"], -1):
        if not around[depth]:
            del around[depth - 1][folders[depth - 1]]
    return True


def _written(file: _File) -> bytes:
    text = (file.text or b"{\n  \n}\n").decode("utf-8-sig")
    indent = re.search(r"^([ \t]+)\S", text, re.MULTILINE)
    end = "\n" if text.endswith("\n") or not text.strip() else ""
    step = indent.group(1) if indent else "  "
    return (json.dumps(file.data, indent=step, ensure_ascii=False) + end).encode()


def replace(path: Path, text: bytes, *, has_secret: bool = False) -> None:
    """Write a file whole or not at all; one with a secret is only its owner's to read."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = 0o600 if has_secret or not path.exists() else path.stat().st_mode & 0o777
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.chmod(mode)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise EditError(f"cannot write {path}: {error.strerror}") from error


def _copy(file: _File) -> Path:
    assert file.text is not None, "there is something to copy"
    now = datetime.now(UTC)
    copy = file.path.with_name(f"{file.path.name}.argus-otel-backup-{now:%Y%m%dT%H%M%S.%fZ}")
    replace(copy, file.text, has_secret=True)
    copy.chmod(file.path.stat().st_mode & 0o777)
    return copy


def _make_folder(folder: Path) -> int:
    """Make it, and return how many folders were missing."""
    missing = 0
    while not (folder.parents[missing - 1] if missing else folder).exists():
        missing += 1
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise EditError(f"cannot make {folder}: {error.strerror}") from error
    return missing


def _save(notes: dict[str, Any], journal: Path) -> None:
    replace(journal, json.dumps(notes, indent=2).encode(), has_secret=True)


def _notes(journal: Path) -> dict[str, Any]:
    return _read(journal).data


def _sum(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _sum_of(value: Any) -> str:
    return _sum(json.dumps(value, sort_keys=True).encode())
