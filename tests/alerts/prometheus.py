"""Debian's promtool and prometheus. The package would start a server, so only its files are taken."""
import os
import pathlib
import shutil
import subprocess
import tempfile

KEPT = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "neo4j-backup-operator/prometheus/usr/bin"
PROGRAMS = ("promtool", "prometheus")


def program(name):
    """The path of one of PROGRAMS: an installed one, or else the one of the package, which is downloaded once."""
    found = shutil.which(name)
    if found:
        return found
    if not (KEPT / name).exists():
        with tempfile.TemporaryDirectory() as state:
            # apt gives up root for a download, and warns where its user can't read the directory.
            subprocess.run(["apt-get", "-o", "APT::Sandbox::User=root", "-qq", "download", "prometheus"], cwd=state, check=True)
            package = next(pathlib.Path(state).glob("prometheus_*.deb"))
            subprocess.run(["dpkg-deb", "-x", package, f"{state}/files"], check=True)
            KEPT.mkdir(parents=True, exist_ok=True)
            for each in PROGRAMS:
                # Two runs that download at the same time must not leave half a file.
                new = KEPT / f"{each}.{os.getpid()}"
                shutil.copy(f"{state}/files/usr/bin/{each}", new)
                os.rename(new, KEPT / each)
    return str(KEPT / name)
