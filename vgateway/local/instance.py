"""One instance of local clusters while a command works on it: its files, its processes, its programs, its display."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vgateway.local.addresses import Addresses
from vgateway.local.cgroups import make_groups
from vgateway.local.kubeapi import KubeApi
from vgateway.local.network import inside
from vgateway.local.nodeconfig import NodeFiles
from vgateway.local.paths import Paths
from vgateway.local.pki import Authority, KeyPair
from vgateway.local.processes import HERE, Place, Processes
from vgateway.local.progress import Progress


@dataclass(frozen=True)
class Instance:
    """What every step needs; ``programs`` holds the paths of the programs that clusters are made of."""

    paths: Paths
    run: Path
    addresses: Addresses
    processes: Processes
    programs: Mapping[str, Path]
    progress: Progress

    @property
    def rooted(self) -> bool:
        """Whether it has a network and control groups of its own."""
        return self.addresses.rooted

    def place(self, scope: str, namespace: str = "") -> Place:
        """Return where programs of a scope run: in its control groups, and in a network namespace if named."""
        if not self.rooted:
            return HERE
        return Place(inside(namespace) if namespace else (), tuple(make_groups(self.group(scope))))

    def group(self, scope: str = "") -> str:
        """Return the control group of a scope, or that of all of them."""
        return f"{self.addresses.prefix}/{scope}" if scope else self.addresses.prefix

    def node_files(self, name: str) -> NodeFiles:
        """Return the files of a real node."""
        return NodeFiles(self.paths.node(name), self.run / name)

    @property
    def host_authority(self) -> Authority:
        """The host cluster's certificate authority."""
        return Authority(self.paths.host / "pki")

    @property
    def host_api(self) -> KubeApi:
        """The host cluster's API server, as its administrator."""
        directory = self.paths.host / "pki"
        admin = KeyPair(directory / "admin.crt", directory / "admin.key")
        return KubeApi(f"https://{self.addresses.host}:6443", directory / "ca.crt", admin)
