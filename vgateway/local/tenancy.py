"""A virtual cluster's share of the host cluster: one namespace, one Role, one Service, and the token of its gateway."""

from pathlib import Path
from urllib.parse import quote

from vgateway.kube.names import Names
from vgateway.kube.ownership import MANAGED_BY
from vgateway.local.errors import LocalError
from vgateway.local.instance import Instance
from vgateway.local.kubeapi import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    NAMESPACES,
    PODS,
    ROLE_BINDINGS,
    ROLES,
    SERVICE_ACCOUNTS,
)
from vgateway.local.kubeconfigs import kubeconfig, write_private
from vgateway.local.manifests import (
    GATEWAY_ACCOUNT,
    Rights,
    cluster_objects,
    gateway_endpoints,
    granted_to,
    host_namespace,
    place_objects,
    tenant_objects,
    token_request,
)
from vgateway.local.waiting import wait_until

TOKEN_SECONDS = 365 * 24 * 3600
LEAVING_TAKES = 90.0
"""Seconds within which the host cluster removes a namespace and all that runs in it."""


def settle(instance: Instance, name: str, rights: Rights) -> str:
    """Make what the virtual cluster has on the host; return the ClusterIP of its Service."""
    applied = [instance.host_api.apply(manifest) for manifest in tenant_objects(name, rights.role)]
    _without_other_rights(instance, name, rights)
    if rights.cluster:
        for manifest in cluster_objects(name, rights.cluster):
            instance.host_api.apply(manifest)
    for namespace, rules in rights.elsewhere.items():
        for manifest in place_objects(name, namespace, rules):
            instance.host_api.apply(manifest)
    return str(applied[-1]["spec"]["clusterIP"])


def publish(instance: Instance, name: str, address: str) -> None:
    """Let the Service lead to the gateway; loopback addresses cannot be published."""
    if instance.rooted:
        instance.host_api.apply(gateway_endpoints(name, address))


def ensure_gateway_credentials(instance: Instance, name: str, path: Path) -> Path:
    """Write the gateway's kubeconfig for the host, unless it is there: a token with the rights of the Role only."""
    if path.exists():
        return path
    namespace = host_namespace(name)
    token_path = SERVICE_ACCOUNTS.path(namespace, GATEWAY_ACCOUNT, "token")
    token = instance.host_api.ask("POST", token_path, token_request(TOKEN_SECONDS))["status"]["token"]
    authority = instance.host_authority.files.certificate
    document = kubeconfig(instance.host_api.server, authority, {"token": token}, GATEWAY_ACCOUNT, namespace)
    return write_private(path, document)


def leave_host(instance: Instance, name: str) -> None:
    """Remove the namespace and wait until it is gone. Raises LocalError when the host cluster does not manage that."""
    namespace, api = host_namespace(name), instance.host_api
    _without_other_rights(instance, name, Rights())
    found = [*_namespaces_of(instance, name), *([namespace] if api.get(NAMESPACES, namespace) else [])]
    for one in found:
        # Their own grace periods have nothing left to wait for: whoever could talk to the tenant is gone.
        api.ask("DELETE", f"{PODS.path(one)}?gracePeriodSeconds=0")
        api.ask("DELETE", NAMESPACES.path(name=one))
    if not wait_until(lambda: all(api.get(NAMESPACES, one) is None for one in found), LEAVING_TAKES):
        raise LocalError(f"the host namespaces {', '.join(found)} did not go within {LEAVING_TAKES:.0f} s")


def _namespaces_of(instance: Instance, name: str) -> list[str]:
    """Return the host namespaces that virtual ones have of their own."""
    label = f"{MANAGED_BY}={Names(name, host_namespace(name)).cluster_marker}"
    found = instance.host_api.ask("GET", f"{NAMESPACES.path()}?labelSelector={quote(label)}")
    return [one["metadata"]["name"] for one in found["items"]]


def _without_other_rights(instance: Instance, name: str, rights: Rights) -> None:
    """Take away the rights beyond the namespace that an earlier configuration needed and this one does not."""
    api, label = instance.host_api, ",".join(f"{key}={value}" for key, value in granted_to(name).items())
    for resource in (CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES) if not rights.cluster else ():
        api.call("DELETE", resource.path(name=host_namespace(name)))
    for resource in (ROLE_BINDINGS, ROLES):
        for found in api.ask("GET", f"{resource.path()}?labelSelector={quote(label)}")["items"]:
            namespace = found["metadata"]["namespace"]
            if namespace not in rights.elsewhere:
                api.call("DELETE", resource.path(namespace, found["metadata"]["name"]))
