"""The programs that a cluster is made of: where their source is pinned, and which installed version fits instead.

Only facts and decisions over values: nothing is run or built here. The pins themselves are ``modules/*/go.mod``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MODULES = Path(__file__).parent / "modules"

Version = tuple[int, int]

KUBERNETES_VERSION = "1.36.3"
"""The release that ``modules/kubernetes/go.mod`` pins. What we build is told it: it cannot know it itself."""

STAMP = (
    f"-X k8s.io/component-base/version.gitVersion=v{KUBERNETES_VERSION}"
    " -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36"
)


@dataclass(frozen=True, slots=True)
class Program:
    """A program: its Go package in the module ``family``, and how an installed one says that it fits.

    ``modules`` is where the families are: tests keep those of their own programs apart from a cluster's.
    """

    name: str
    family: str
    package: str
    minor: Version
    stamp: str = ""
    version_arguments: tuple[str, ...] = ("--version",)
    modules: Path = MODULES

    @property
    def module(self) -> Path:
        """The directory of the go.mod that pins it."""
        return self.modules / self.family

    @property
    def flags(self) -> tuple[str, ...]:
        """What ``go build`` is told, beside the package and where to put the program."""
        return ("-trimpath", "-ldflags", f"-s -w {self.stamp}".rstrip())


def _kubernetes(name: str, *version_arguments: str) -> Program:
    package = f"k8s.io/kubernetes/cmd/{name}"
    return Program(name, "kubernetes", package, (1, 36), STAMP, version_arguments or ("--version",))


PROGRAMS: Mapping[str, Program] = {
    program.name: program
    for program in (
        _kubernetes("kube-apiserver"),
        _kubernetes("kube-controller-manager"),
        _kubernetes("kube-scheduler"),
        _kubernetes("kubelet"),
        _kubernetes("kube-proxy"),
        _kubernetes("kubectl", "version", "--client"),
        Program("etcd", "etcd", "go.etcd.io/etcd/server/v3", (3, 6)),
        Program("kine", "kine", "github.com/k3s-io/kine", (0, 16)),
        Program("metrics-server", "metrics-server", "sigs.k8s.io/metrics-server/cmd/metrics-server", (0, 9)),
        Program("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok", (0, 8)),
        Program(
            "local-path-provisioner",
            "local-path-provisioner",
            "github.com/rancher/local-path-provisioner",
            (0, 0),  # its minor versions are patches: 0.0.30
        ),
        Program("coredns", "coredns", "github.com/coredns/coredns", (1, 14), version_arguments=("-version",)),
    )
}


def said_version(output: str) -> Version | None:
    """Read major and minor from what a program says about its version; None if it names none, like a plain build."""
    found = re.search(r"(?:^|\s)v?(\d+)\.(\d+)(?:\.|\s|$)", output.partition("\n")[0])
    return (int(found[1]), int(found[2])) if found else None


def fits(program: Program, output: str, *, chosen: bool) -> bool:
    """Tell whether an installed program that says ``output`` may be used instead of building ours.

    Its minor version must be the pinned one. A plain ``go build`` of some programs (kine) knows no version: such a
    one is taken only if it was ``chosen``, that is put into the directory that ``KUBEBUILDER_ASSETS`` names.
    """
    version = said_version(output)
    return version == program.minor if version else chosen
