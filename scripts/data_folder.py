"""
Write tests/fixtures/data-VERSION.tar.xz: the data folder of this version with one recorded session in it, both legs.

Run it once per release, never again for a release that is out: later versions are tested to open what it left.
"""

from __future__ import annotations

import sys
import tarfile
import tempfile
from pathlib import Path

from argus_otel import __version__

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "service"))


def write() -> Path:
    """Return the archive, made by a real service."""
    from services import serving

    from argus_otel.demo.recordings import content, requests

    target = ROOT / "tests" / "fixtures" / f"data-{__version__}.tar.xz"
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        with serving(data) as service:
            for kind, body in [*requests("default"), *content("default")]:
                service.send(kind, body)
            service.wait_until_loaded()
        with tarfile.open(target, "w:xz") as archive:
            archive.add(data, "data", filter=_without_owner)
    return target


def _without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    made = write()
    sys.stdout.write(f"wrote {made.name}, {made.stat().st_size} bytes\n")
