"""Where local clusters keep their files; knows names only, reads and writes nothing.

Everything that must survive is under the state directory; sockets and namespaces are under the run directory,
because a socket's path must be short.
"""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Paths:
    """The files of one instance, all under ``home``."""

    home: Path

    @property
    def state(self) -> Path:
        """What is, or was meant to be, here."""
        return self.home / "state.json"

    @property
    def lock(self) -> Path:
        """Held by who changes anything."""
        return self.home / "lock"

    @property
    def programs(self) -> Path:
        """Links to the programs in use, for a shell's PATH."""
        return self.home / "bin"

    @property
    def processes(self) -> Path:
        """A record per program that was started."""
        return self.home / "processes"

    @property
    def logs(self) -> Path:
        """A log per program."""
        return self.home / "logs"

    @property
    def host(self) -> Path:
        """The host control plane's files."""
        return self.home / "host"

    @property
    def host_kubeconfig(self) -> Path:
        """The host administrator's kubeconfig."""
        return self.home / "kubeconfigs" / "host.kubeconfig"

    def node(self, name: str) -> Path:
        """Return the directory of a real node."""
        return self.home / "nodes" / name

    def virtual(self, name: str) -> Path:
        """Return the directory of a virtual cluster."""
        return self.home / "virtual" / name

    def tenant_kubeconfig(self, name: str, *, direct: bool = False) -> Path:
        """Return the tenant's kubeconfig; ``direct`` passes the gateway by."""
        return self.home / "kubeconfigs" / f"{name}{'-direct' if direct else ''}.kubeconfig"


def state_home(environ: Mapping[str, str]) -> Path:
    """Return ``$VGATEWAY_HOME``, or its place in the XDG state directory."""
    chosen = environ.get("VGATEWAY_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    return Path(environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "vgateway"


def cache_home(environ: Mapping[str, str]) -> Path:
    """Return the place in the XDG cache directory where built programs and images are kept."""
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vgateway"


def run_root(environ: Mapping[str, str], *, rooted: bool) -> Path:
    """Return the directory in which instances of this machine reserve their numbers."""
    if rooted:
        return Path("/run/vgateway")
    private = environ.get("XDG_RUNTIME_DIR")
    # A directory per user, which is made private.
    return Path(private) / "vgateway" if private else Path(tempfile.gettempdir()) / f"vgateway-{os.getuid()}"
