"""Gets what the real-server tests need: Debian packages, and an Asterisk 22 in a folder of the tests' own.

Run as a script (`make test` does) it installs what is missing when it may, and otherwise says what is missing and how to get it. It
imports nothing but the standard library, so it runs before anything is installed. It knows nothing of pytest.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a test needs, and Debian's package that has it. Fonts: the screens are written in Latin and Cyrillic.
TOOLS = {"debootstrap": "debootstrap", "sipp": "sip-tester", "chromium": "chromium", "haproxy": "haproxy"}
FONTS = {Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"): "fonts-dejavu-core"}
# A pooler between ctiroute and PostgreSQL. (The servers themselves come from Python packages.)
POOLERS = {Path("/usr/sbin/pgbouncer"): "pgbouncer"}
# Debian's stable has no Asterisk; its unstable suite has 22. Count up when the way the folder is made changes.
SUITE = "sid"
ROOT_NAME = "asterisk-22-sid-1"
BUILD_TIMEOUT_S = 900


class Missing(Exception):  # noqa: N818 - reads as what it is
    """Something is not there and cannot be got from here; the message says how to get it."""


def cache_dir() -> Path:
    """Return the tests' own cache folder, kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "ctiroute-tests"


def asterisk_root() -> Path:
    """Return the folder that holds, or will hold, the Debian system with Asterisk in it."""
    return cache_dir() / ROOT_NAME


def missing_packages() -> list[str]:
    """Return the Debian packages whose files are not on this machine, in a stable order."""
    packages = [package for tool, package in TOOLS.items() if shutil.which(tool) is None]
    packages += [package for file, package in (FONTS | POOLERS).items() if not file.exists()]
    return packages


def install_packages() -> None:
    """Install what is missing with apt. Raises Missing where that cannot be done."""
    packages = missing_packages()
    if not packages:
        return
    remedy = f"apt-get install {' '.join(packages)}"
    if shutil.which("apt-get") is None:
        raise Missing(f"{', '.join(packages)} missing, and this is no Debian: install the programs {', '.join(TOOLS)} by its own means")
    if os.geteuid() != 0:
        raise Missing(f"{', '.join(packages)} missing: run as root: {remedy}")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=BUILD_TIMEOUT_S)  # noqa: S603
        if done.returncode != 0:
            raise Missing(f"{' '.join(command)} failed: {(done.stderr or done.stdout).strip()[-500:]}")
    if still := missing_packages():
        raise Missing(f"{', '.join(still)} still missing after {remedy}")


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock file: two runs on one machine must not build the folder at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def build_asterisk() -> Path:
    """Return the folder with Asterisk, made when it is not there. Raises Missing where that cannot be done.

    It is built under another name and renamed when whole, so a folder of that name is a finished one.
    """
    root = asterisk_root()
    if (root / "usr/sbin/asterisk").exists():
        return root
    if os.geteuid() != 0:
        raise Missing(f"no Asterisk in {root}: run `python tests/real/install.py` as root")
    with _locked(cache_dir() / "lock"):
        if (root / "usr/sbin/asterisk").exists():
            return root
        for half_made in cache_dir().glob("building-*"):
            shutil.rmtree(half_made)
        building = Path(tempfile.mkdtemp(prefix="building-", dir=cache_dir()))
        building.chmod(0o755)
        # No mirror is named: debootstrap has its default, or what the machine's administrator set.
        command = ["debootstrap", "--variant=minbase", "--include=asterisk", SUITE, str(building)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=BUILD_TIMEOUT_S)  # noqa: S603
        if done.returncode != 0:
            shutil.rmtree(building, ignore_errors=True)
            raise Missing(f"{' '.join(command)} failed: {(done.stderr or done.stdout).strip()[-500:]}")
        shutil.rmtree(building / "var/cache/apt/archives", ignore_errors=True)  # 150 MB of packages already unpacked
        building.rename(root)
    return root


def install() -> Path:
    """Make sure everything is there; return the folder with Asterisk. Raises Missing with the remedy."""
    install_packages()
    return build_asterisk()


def check() -> Path:
    """Return the folder with Asterisk when nothing is missing. Raises Missing with what is, and changes nothing."""
    absent = missing_packages()
    if not (asterisk_root() / "usr/sbin/asterisk").exists():
        absent.append(str(asterisk_root()))
    if absent:
        raise Missing(f"{', '.join(absent)} missing: run `python tests/real/install.py` as root on Debian")
    return asterisk_root()


def main() -> int:
    """Install what is missing, or say how. Exit code 1 when something is missing and CI, or --check, asks; else 0: those tests skip."""
    parser = argparse.ArgumentParser(description="Get what the real-server tests need: SIPp, Chromium, Asterisk 22.")
    parser.add_argument("--check", action="store_true", help="only say what is missing")
    arguments = parser.parse_args()
    try:
        root = check() if arguments.check else install()
    except Missing as missing:
        print(f"real-server tests: {missing}", file=sys.stderr)  # noqa: T201
        return 1 if arguments.check or in_ci() else 0
    print(f"real-server tests: all there, Asterisk in {root}")  # noqa: T201
    return 0


def in_ci() -> bool:
    """Tell whether this is a CI run, where a missing server is a failure and not a reason to skip."""
    return os.environ.get("CI", "").lower() in {"true", "1", "yes"}


if __name__ == "__main__":
    sys.exit(main())
