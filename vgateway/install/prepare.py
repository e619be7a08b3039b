"""What the pod of a virtual cluster does before its programs start: certificates, kubeconfigs, configuration.

The authorities are made once and kept in a Secret; everything else follows from them and is made by every pod for
itself. Nothing is tried twice here: an init container that fails is started again, and reads anew what is there.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import yaml

from vgateway.config.load import read_document
from vgateway.config.model import Config
from vgateway.errors import ApiError, ConfigError
from vgateway.install.keeping import KEPT, decoded, encoded, impossible_service, range_in
from vgateway.install.layout import API_PORT, SERVICE_CIDR, Release
from vgateway.install.wiring import config_of, gateway_section
from vgateway.kube.client import ApiClient
from vgateway.kube.credentials import from_pod
from vgateway.kube.objects import Obj, get_path
from vgateway.local.files import write_file
from vgateway.local.hostcluster import ADMINISTRATOR, MANAGER, SYNCER, control_plane_pki, issue_gateway
from vgateway.local.kubeapi import KubeApi
from vgateway.local.kubeconfigs import client_user, kubeconfig, write_private
from vgateway.local.manifests import kubelet_client_binding
from vgateway.local.pki import Authority, KeyPair
from vgateway.syncer.resources import SECRETS, SERVICES


@dataclass(frozen=True, slots=True)
class Place:
    """One pod: which release it is of, its address, its values and the directory that its containers share."""

    release: Release
    address: str
    values: Path
    run: Path

    @property
    def authority(self) -> Authority:
        """The virtual cluster's certificate authority."""
        return Authority(self.run / "pki")


async def prepare(place: Place) -> None:
    """Write everything that the containers of the pod read.

    Raises ApiError when the host refuses, also because another pod was faster; ConfigError for values that are wrong.
    """
    values = read_document(place.values) or {}
    config = config_of(values, place.release, place.address)
    host = ApiClient(from_pod(os.environ), "host")
    try:
        await _prepare(place, config, host)
    finally:
        await host.close()
    document = {**values, "gateway": gateway_section(place.release, place.address)}
    write_private(place.run / "gateway.yaml", document)


def settle(run: Path) -> None:
    """Tell the virtual API server, which answers by now, what its own call to our kubelet may do."""
    authority = Authority(run / "pki")
    api = KubeApi(f"https://127.0.0.1:{API_PORT}", authority.files.certificate, authority.issue("syncer", SYNCER))
    api.apply(kubelet_client_binding())


async def _prepare(place: Place, config: Config, host: ApiClient) -> None:
    release = place.release
    service = await host.get(SERVICES, release.namespace, release.name)
    secret = await host.get(SECRETS, release.namespace, release.certificates_secret)
    kept = decoded(secret.get("data"))
    for name in KEPT:
        if name in kept:
            write_file(place.run / "pki" / name, kept[name], 0o600)
    _issue(place, config, str(get_path(service, "spec.clusterIP") or ""))
    found = {name: (place.run / "pki" / name).read_bytes() for name in KEPT}
    cidr = config.networking.service_cidr or kept.get(SERVICE_CIDR, b"").decode() or await _range(release, host)
    await _keep(host, secret, {**found, SERVICE_CIDR: cidr.encode()})
    exported = await host.get(SECRETS, release.namespace, release.kubeconfig_secret)
    await _keep(host, exported, _exported(place, config))


def _issue(place: Place, config: Config, cluster_ip: str) -> None:
    """Make every certificate that is not there, and the kubeconfigs of those who read one."""
    release, authority = place.release, place.authority
    hosts = (*release.hosts, *filter(None, (cluster_ip, place.address)), *config.control_plane.proxy.extra_sans)
    control_plane_pki(authority, (release.name,))
    domain = config.networking.advanced.cluster_domain
    issue_gateway(authority, domain, hosts)
    authority.issue("admin", ADMINISTRATOR)
    server = f"https://127.0.0.1:{API_PORT}"
    manager = authority.issue("controller-manager", MANAGER)
    document = kubeconfig(server, authority.files.certificate, client_user(manager), release.name)
    write_private(place.run / "controller-manager.kubeconfig", document)


def _exported(place: Place, config: Config) -> dict[str, bytes]:
    """Return what the tenant's administrator is given."""
    authority, chosen = place.authority, config.export_kube_config
    admin = KeyPair(authority.directory / "admin.crt", authority.directory / "admin.key")
    name = chosen.context or place.release.name
    document = kubeconfig(chosen.address, authority.files.certificate, client_user(admin), name)
    return {
        "config": yaml.safe_dump(document, sort_keys=False).encode(),
        "certificate-authority": authority.files.certificate.read_bytes(),
        "client-certificate": admin.certificate.read_bytes(),
        "client-key": admin.key.read_bytes(),
    }


async def _keep(host: ApiClient, secret: Obj, files: dict[str, bytes]) -> None:
    """Put the files into the Secret unless they are there; the version that was read is the precondition."""
    if decoded(secret.get("data")) == files:
        return
    meta = secret["metadata"]
    body = {"metadata": {"resourceVersion": meta["resourceVersion"]}, "data": encoded(files)}
    await host.patch(SECRETS, meta["namespace"], meta["name"], body)


async def _range(release: Release, host: ApiClient) -> str:
    """Ask the host for its range of ClusterIPs by a dry run that it must refuse."""
    path = SERVICES.path(release.namespace)
    try:
        await host.raw("POST", path, query={"dryRun": "All"}, body=impossible_service(release.name))
    except ApiError as error:
        return range_in(str(error))
    raise ConfigError("networking.serviceCIDR is needed: the host gives any address to a Service")
