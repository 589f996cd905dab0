"""A Debian of any release and architecture, unpacked into a folder: chosen and fetched by this machine's apt, never installed.

apt works on lists, archives and an empty list of installed packages of its own; this machine's stay as they are. From where and
through which proxy to fetch, it learns from this machine's settings. What it fetches must be signed by Debian.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_TARGETS = "$(REPO_URI)|$(RELEASE)|$(CODENAME)|$(COMPONENT)|$(ORIGIN)"
_NO_SUCH_RELEASE = "does not have a Release file"

# Hooks of this machine must not run, nor its pins and its list of installed packages be heard: so none of its files is read.
_SETTINGS = """\
Dir::Etc::Parts "/dev/null";
Dir::Etc::Main "/dev/null";
{acquire}
Acquire::Languages "none";
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Dir::State "{place}";
Dir::State::lists "{place}/lists";
Dir::State::status "{place}/status";
Dir::Cache "{place}";
Dir::Cache::archives "{place}/archives";
Dir::Etc::SourceList "{place}/debian.sources";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
"""

_SOURCE = """\
Types: deb
URIs: {mirror}
Suites: {suite}
Components: main
Signed-By: {keyring}
"""


class NotOffered(Exception):
    """This machine, or the mirror it uses, cannot give what was asked for; the message says why."""


class FetchFailed(Exception):
    """It is offered, but it did not arrive; the message is the last that apt said."""


def unpack(suite: str, architecture: str, packages: Sequence[str], alone: Sequence[str], into: Path) -> None:
    """*packages* with all that they need, and those of *alone* without, into the folder *into*."""
    mirror = _mirror_of_this_machine()
    with tempfile.TemporaryDirectory(prefix="apt-", dir=into.parent) as temporary:
        place = Path(temporary)
        archives = place / "archives"
        for made in (place / "lists" / "partial", archives / "partial", *(into / f"usr/{name}" for name in _MERGED)):
            made.mkdir(parents=True)
        (place / "status").touch()
        (place / "debian.sources").write_text(_SOURCE.format(mirror=mirror, suite=suite, keyring=_KEYRING))
        acquire = _said_by(["apt-config", "dump", "Acquire"])
        settings = _SETTINGS.format(place=place, architecture=architecture, acquire=acquire)
        (place / "apt.conf").write_text(settings)
        _apt(place, "update", "--error-on=any")
        _apt(place, "install", "--yes", "--download-only", *packages)
        if alone:
            _apt(place, "download", *alone, folder=archives)
        for name in _MERGED:  # /lib is usr/lib, as on every Debian of today; before the archives, which may say /lib
            (into / name).symlink_to(f"usr/{name}")
        for archive in sorted(archives.glob("*.deb")):
            subprocess.run(["dpkg-deb", "--extract", archive, into], check=True)


_MERGED = ("bin", "lib", "lib64", "sbin")


def mirror(targets: str, codename: str) -> str | None:
    """Of *targets* (lines in the form of _TARGETS), where the release *codename* of Debian comes from."""
    rows = [line.split("|") for line in targets.splitlines() if line.count("|") == _TARGETS.count("|")]
    ours = [row for row in rows if codename in row[1:3] and row[3] == "main"]
    ours.sort(key=lambda row: row[4] != "Debian")  # before apt has ever fetched, nobody's origin is known
    return ours[0][0] if ours else None


def _mirror_of_this_machine() -> str:
    for program in ("apt-get", "dpkg-deb"):
        if not shutil.which(program):
            raise NotOffered(f"{program} not found: this is no Debian")
    if not _KEYRING.exists():
        raise NotOffered(f"{_KEYRING} not found; the package debian-archive-keyring has it")
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    targets = _said_by(["apt-get", "indextargets", "--format", _TARGETS, "Created-By: Packages"])
    if (found := mirror(targets, codename)) is None:
        raise NotOffered(f"apt's sources name no mirror of Debian's {codename or 'release'} main")
    return found


def _said_by(command: Sequence[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _apt(place: Path, *arguments: str, folder: Path | None = None) -> None:
    ended = subprocess.run(
        ["apt-get", "--quiet", *arguments],
        env=os.environ | {"APT_CONFIG": str(place / "apt.conf"), "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if ended.returncode == 0:
        return
    errors = [line[3:] for line in ended.stdout.splitlines() if line.startswith("E: ")]
    if any(_NO_SUCH_RELEASE in error for error in errors):
        raise NotOffered(f"the mirror has no such release: {errors[0]}")
    raise FetchFailed(f"apt-get {arguments[0]}: {errors[0] if errors else f'exit code {ended.returncode}'}")
