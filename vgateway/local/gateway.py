"""The gateway of a local virtual cluster: its certificates, its configuration file and its process."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from vgateway.config.load import parse_config
from vgateway.config.model import Config
from vgateway.config.pods_only import said_of_pods
from vgateway.errors import ConfigError
from vgateway.local.addresses import API_PORT, OPERATIONS_PORT
from vgateway.local.controlplane import certified
from vgateway.local.errors import LocalError
from vgateway.local.hostcluster import issue_gateway
from vgateway.local.kubeconfigs import client_user, kubeconfig, write_private
from vgateway.local.manifests import host_namespace
from vgateway.local.pki import Identity
from vgateway.local.processes import Program
from vgateway.local.tenancy import ensure_gateway_credentials
from vgateway.local.virtualcluster import Virtual
from vgateway.local.waiting import says_yes

READY_TAKES = 120.0
"""Seconds within which a gateway has read its part of both clusters."""

READER = Identity("system:coredns")


def gateway_section(virtual: Virtual) -> dict[str, Any]:
    """Return the wiring of the gateway's process: the ``gateway`` key of its configuration."""
    return {
        "name": virtual.name,
        "namespace": host_namespace(virtual.name),
        "service": virtual.name,
        "address": virtual.cluster.address,
        **certified(virtual.directory / "pki", f"https://{virtual.own}:{API_PORT}"),
        "hostCluster": {
            "kubeconfig": str(virtual.directory / "host.kubeconfig"),
            "dns": virtual.instance.addresses.dns_service,
        },
        "embeddedDns": {
            "directory": str(virtual.directory / "dns"),
            "kubeconfig": str(virtual.directory / "coredns.kubeconfig"),
        },
        "aggregated": {"bindAddress": virtual.cluster.address},
        "operations": {"address": virtual.cluster.address, "port": OPERATIONS_PORT},
    }


def gateway_document(virtual: Virtual, chosen: dict[str, Any]) -> dict[str, Any]:
    """Return the whole configuration: what the user chose, and the wiring.

    Without root every listener keeps to the virtual cluster's own address, since all share one machine's ports.
    """
    listeners = chosen.get("controlPlane") or {}
    if not virtual.instance.rooted:
        own = {"bindAddress": virtual.cluster.address}
        listeners = {**listeners, **{part: {**(listeners.get(part) or {}), **own} for part in ("proxy", "kubelet")}}
    return {"gateway": gateway_section(virtual), **chosen, **({"controlPlane": listeners} if listeners else {})}


def read_choices(path: Path) -> dict[str, Any]:
    """Read the user's configuration file.

    Raises ConfigError naming the file, the key and what was expected.
    """
    try:
        document = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: a mapping is expected at the top")
    if "gateway" in document:
        raise ConfigError(f"{path}: gateway: local clusters are wired by `vgateway local` itself, leave this key out")
    return document


def check_choices(path: Path, chosen: Mapping[str, Any]) -> None:
    """Refuse what the gateway would refuse, before anything is started. Raises ConfigError."""
    try:
        config_of(chosen)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def config_of(chosen: Mapping[str, Any]) -> Config:
    """Return the configuration that the choices amount to; its wiring is an example's.

    Raises ConfigError, also for what only pods have: here it would do nothing.
    """
    config = parse_config({"gateway": _EXAMPLE, **chosen})
    if said := said_of_pods(config):
        raise ConfigError(f"{said[0]}: only an installation in pods has this, leave it out for a local cluster")
    return config


def ensure_gateway(virtual: Virtual, chosen: dict[str, Any]) -> None:
    """Start the gateway, or start it anew when its configuration has changed."""
    authority = virtual.authority
    domain = config_of(chosen).networking.advanced.cluster_domain
    issue_gateway(authority, domain, virtual.hosts)
    credentials = ensure_gateway_credentials(virtual.instance, virtual.name, virtual.directory / "host.kubeconfig")
    config = write_private(virtual.directory / "gateway.yaml", gateway_document(virtual, chosen))
    arguments = (sys.executable, "-m", "vgateway", "run", "--config", str(config))
    virtual.instance.processes.ensure(
        Program(f"{virtual.scope}/gateway", arguments, virtual.place, files=(config, credentials))
    )


def await_gateway(virtual: Virtual) -> None:
    """Wait until the gateway says that it is ready."""
    probe = f"http://{virtual.cluster.address}:{OPERATIONS_PORT}/readyz"
    virtual.instance.processes.await_ready(f"{virtual.scope}/gateway", lambda: says_yes(probe), READY_TAKES)


def ensure_dns(virtual: Virtual, chosen: dict[str, Any]) -> None:
    """Run CoreDNS beside the gateway, which has written its settings, if the configuration wants it there."""
    name = f"{virtual.scope}/coredns"
    if not config_of(chosen).control_plane.coredns.embedded:
        virtual.instance.processes.stop([name])
        return
    if "coredns" not in virtual.instance.programs:
        raise LocalError("controlPlane.coredns.embedded: names are resolved only where there are real nodes")
    authority = virtual.authority
    user = client_user(authority.issue("coredns", READER))
    server = f"https://{virtual.own}:{API_PORT}"
    document = kubeconfig(server, authority.files.certificate, user, virtual.name)
    credentials = write_private(virtual.directory / "coredns.kubeconfig", document)
    arguments = (str(virtual.instance.programs["coredns"]), "-conf", str(virtual.directory / "dns" / "Corefile"))
    virtual.instance.processes.ensure(Program(name, arguments, virtual.place, files=(credentials,)))


_EXAMPLE: dict[str, Any] = {
    "name": "example",
    "namespace": "example",
    "address": "127.0.0.1",
    "embeddedDns": {"directory": "x", "kubeconfig": "x"},
    "tls": {"certificate": "x", "key": "x", "clientCA": "x"},
    "virtualCluster": {
        "server": "https://127.0.0.1",
        "certificateAuthority": "x",
        "authorityKey": "x",
        "frontProxyCA": "x",
        "clientCertificate": "x",
        "clientKey": "x",
        "frontProxyCertificate": "x",
        "frontProxyKey": "x",
    },
}
