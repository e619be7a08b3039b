"""Somebody who installs virtual clusters with rights in one host namespace, and how a tenant gets to them from here."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.helm import Helm, helm_program
from tests.support.kubectl import Kubectl
from tests.support.portforward import port_forward

KINDS = (
    "all,secrets,configmaps,serviceaccounts,roles,rolebindings,endpoints,endpointslices,persistentvolumeclaims,"
    "poddisruptionbudgets,networkpolicies,resourcequotas,limitranges,leases"
)


@dataclass(frozen=True)
class Installer:
    """Everything may be done in ``namespace``, and nothing anywhere else."""

    namespace: str
    kubectl: Kubectl
    helm: Helm

    def kubeconfig(self, name: str) -> dict[str, Any]:
        """Return the kubeconfig that the virtual cluster keeps in its Secret."""
        secret = ("get", "secret", f"vc-{name}", "-n", self.namespace, "-o")
        found: dict[str, Any] = yaml.safe_load(self.kubectl.ok(*secret, "go-template={{.data.config|base64decode}}"))
        return found

    @contextmanager
    def tenant(self, name: str, directory: Path) -> Iterator[Kubectl]:
        """Yield the tenant's kubectl, by a port that is forwarded to the virtual cluster meanwhile."""
        document = self.kubeconfig(name)
        with port_forward(self.kubectl, self.namespace, f"service/{name}", 443) as port:
            document["clusters"][0]["cluster"]["server"] = f"https://localhost:{port}"
            path = directory / f"{name}.kubeconfig"
            path.write_text(yaml.safe_dump(document))
            yield Kubectl(self.kubectl.program, path)


def installer(host: Kubectl, namespace: str, directory: Path) -> Installer:
    """Make somebody who has all rights in one namespace of the host, and none beyond."""
    host.ok("create", "serviceaccount", "installer", "-n", namespace)
    account = f"--serviceaccount={namespace}:installer"
    host.ok("create", "rolebinding", "installer", "-n", namespace, "--clusterrole=cluster-admin", account)
    document = yaml.safe_load(host.kubeconfig.read_text())
    document["users"][0]["user"] = {"token": host.ok("create", "token", "installer", "-n", namespace).strip()}
    path = directory / "installer.kubeconfig"
    path.write_text(yaml.safe_dump(document))
    path.chmod(0o600)
    return Installer(namespace, Kubectl(host.program, path), Helm(helm_program(), directory, path))


def listing(host: Kubectl, namespace: str) -> dict[str, list[str]]:
    """Return the names of everything in the namespace, and of what belongs to none, but for Events and nodes' own."""
    cluster = "namespaces,clusterroles,clusterrolebindings,priorityclasses,storageclasses,customresourcedefinitions"
    return {
        "namespace": sorted(host.ok("get", KINDS, "-n", namespace, "-o", "name").split()),
        "cluster": sorted(host.ok("get", cluster, "-o", "name").split()),
        "volumes": sorted(host.ok("get", "persistentvolumes", "-o", "name").split()),
    }
