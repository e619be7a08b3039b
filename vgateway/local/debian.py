"""Sees which Debian packages are missing, by what they provide, and installs those if we may.

Services that a package brings are not started: our containerd is one per node, under our own state directory.
"""

import os
import shutil
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vgateway.local.errors import LocalError
from vgateway.local.locks import exclusive
from vgateway.local.progress import Progress

PROGRAM_DIRECTORIES = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
"""Looked through beside PATH, which often lacks the sbin directories."""

LOCK = Path("/run/lock/vgateway-packages.lock")
POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_TEXT = "#!/bin/sh\n# Made by vgateway while it installs packages: no service starts meanwhile.\nexit 101\n"


@dataclass(frozen=True, slots=True)
class Package:
    """A Debian package and what shows that it is not needed: names of programs, paths of files.

    A path may hold ``*``. ``service`` is what it would start.
    """

    name: str
    provides: tuple[str, ...]
    service: str = ""


NODE_PACKAGES = (
    Package("containerd", ("containerd", "containerd-shim-runc-v2", "ctr"), service="containerd"),
    Package("runc", ("runc",)),
    Package("containernetworking-plugins", tuple(f"/usr/lib/cni/{p}" for p in ("bridge", "host-local", "portmap"))),
    Package("iptables", ("iptables",)),
    Package("nftables", ("nft",), service="nftables"),
    Package("iproute2", ("ip",)),
)
"""What a real node needs: containers, their network (its plugins call iptables), kube-proxy's rules, namespaces."""

COMPILER_PACKAGES = (Package("gcc", ("gcc",)), Package("libc6-dev", ("/usr/lib/*/libc.a",)))
"""What the pause image needs: a C compiler and a C library to link statically."""


def missing_packages(packages: Iterable[Package]) -> list[Package]:
    """Return those of which something that they provide is not on this machine."""
    return [package for package in packages if not all(map(_present, package.provides))]


def ensure_packages(packages: Collection[Package], progress: Progress) -> None:
    """Install what is missing of ``packages``.

    Raises LocalError, naming them in one line, when we are not root or this is not Debian, or when apt-get fails.
    """
    names = [package.name for package in missing_packages(packages)]
    if not names:
        return
    if refusal := _why_not():
        raise LocalError(f"missing {' '.join(names)} ({refusal}): as root, apt-get install {' '.join(names)}")
    with exclusive(LOCK, "another installation of packages", progress):
        missing = missing_packages(packages)
        if missing:
            with progress.step(f"installing {' '.join(package.name for package in missing)}"):
                _install(missing)
    if still := [package.name for package in missing_packages(packages)]:
        raise LocalError(f"installed {' '.join(still)}, but not all that is needed of it appeared")


def download_packages(names: Sequence[str], into: Path, progress: Progress) -> list[Path]:
    """Fetch packages of this machine's release into the directory ``into`` without installing; return their files.

    Raises LocalError where there is no apt-get, or when it fails.
    """
    if shutil.which("apt-get") is None:
        raise LocalError(f"cannot fetch the packages {' '.join(names)}: this is not Debian, there is no apt-get")
    with progress.step(f"fetching {' '.join(names)}"):
        if os.geteuid() == 0:
            with exclusive(LOCK, "another installation of packages", progress):
                _apt_get("update")
        _apt_get("download", *names, cwd=into)
    return sorted(into.glob("*.deb"))


def unpack(package: Path, into: Path) -> None:
    """Unpack a package's files into the directory ``into``; its scripts do not run."""
    _run(["dpkg", "-x", str(package), str(into)])


def _present(provided: str) -> bool:
    if provided.startswith("/"):
        return any(Path("/").glob(provided.removeprefix("/")))
    path = os.pathsep.join((os.environ.get("PATH", ""), *PROGRAM_DIRECTORIES))
    return shutil.which(provided, path=path) is not None


def _why_not() -> str:
    """Return why nothing can be installed, or an empty string if it can."""
    if not Path("/etc/debian_version").exists() or shutil.which("apt-get") is None:
        return "this is not Debian, nothing was installed"
    return "" if os.geteuid() == 0 else "not root, nothing was installed"


def _install(packages: Sequence[Package]) -> None:
    _apt_get("update")
    with _no_services(POLICY):
        _apt_get("install", "--yes", "--no-install-recommends", *(package.name for package in packages))
    for package in packages:
        _stop(package.service)


@contextmanager
def _no_services(policy: Path) -> Iterator[None]:
    """Keep packages from starting services; a policy that is already there decides instead, unless a kill left ours."""
    theirs = policy.exists() and policy.read_text(errors="replace") != POLICY_TEXT
    if theirs:
        yield
        return
    policy.write_text(POLICY_TEXT)
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)


def _stop(service: str) -> None:
    """Stop a service that started although it was told not to; it was not there before we installed it."""
    if service and Path("/run/systemd/system").exists():
        subprocess.run(["systemctl", "stop", service], capture_output=True, check=False)


def _apt_get(command: str, *arguments: str, cwd: Path | None = None) -> None:
    options = ["-q", "-o", "DPkg::Lock::Timeout=300", "-o", "APT::Sandbox::User=root", "-o", "Dpkg::Use-Pty=0"]
    # Files of ours in the way of a package's own are kept: nobody is there to answer a question.
    keep = ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]
    settings = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    _run(["apt-get", *options, *keep, command, *arguments], cwd=cwd, settings=settings)


def _run(command: Sequence[str], *, cwd: Path | None = None, settings: Mapping[str, str] | None = None) -> None:
    ran = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | (settings or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if ran.returncode != 0:
        raise LocalError(f"{command[0]} failed: {failure(ran.stdout)}")


def failure(output: str) -> str:
    """Pick the line that says why apt-get or dpkg failed: its first error, else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("E:", "Err:", "dpkg: error"))]
    return (errors or lines[-1:] or ["it said nothing"])[0]
