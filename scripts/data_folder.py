"""
Write tests/fixtures/data-NAME.tar.xz: a data folder of this version with the recorded sessions in it, both legs.

Run it once per release and once before a change of a table, never again for what is out: later versions are tested to open
what it left (tests/service/test_service_upgrade.py). NAME is the version, or what is given: `0.2.0-tables-of-a-kind`.
"""

from __future__ import annotations

import sys
import tarfile
import tempfile
from pathlib import Path

from argus_otel import __version__

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "service"))


def write(name: str) -> Path:
    """
    Return the archive, made by a real service.

    Raises:
        FileExistsError: there is one of this name.
    """
    from services import serving

    from argus_otel.demo.recordings import NAMES, content, requests

    target = ROOT / "tests" / "fixtures" / f"data-{name}.tar.xz"
    with tempfile.TemporaryDirectory() as folder, tarfile.open(target, "x:xz") as archive:
        data = Path(folder) / "data"
        with serving(data) as service:
            for kind, body in [item for each in NAMES for item in [*requests(each), *content(each)]]:
                service.send(kind, body)
            service.wait_until_loaded()
        archive.add(data, "data", filter=_without_owner)
    return target


def _without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    made = write(sys.argv[1] if len(sys.argv) > 1 else __version__)
    sys.stdout.write(f"wrote {made.name}, {made.stat().st_size} bytes\n")
