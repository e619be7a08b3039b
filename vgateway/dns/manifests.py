"""The objects that run CoreDNS in the virtual cluster: pure builders."""

from collections.abc import Mapping
from typing import Any

import yaml

from vgateway.config.coredns import Coredns
from vgateway.dns.values import PORT, Dns
from vgateway.errors import ConfigError
from vgateway.kube.objects import Obj, VirtualKey, get_path

NAMESPACE = "kube-system"
COREDNS = VirtualKey(NAMESPACE, "coredns")
KUBE_DNS = VirtualKey(NAMESPACE, "kube-dns")
ROLE = "system:coredns"
CUSTOM = VirtualKey(NAMESPACE, "coredns-custom")
IMAGE = "docker.io/coredns/coredns:1.14.7"
"""The version whose plugins the Corefile is written for."""

OVERWRITE = "controlPlane.coredns.overwriteManifests"
APP = "k8s-app"
APP_LABEL = "vcluster-kube-dns"
SELECTED: Mapping[str, str] = {"app.kubernetes.io/name": "coredns", "app.kubernetes.io/part-of": "vgateway"}
"""By these, and not by ``k8s-app``, the Service finds its pods: that one may be chosen."""
RBAC = "rbac.authorization.k8s.io"
USER = 65532
PORTS = (("dns", "UDP", 53, PORT), ("dns-tcp", "TCP", 53, PORT), ("metrics", "TCP", 9153, 9153))


def objects(dns: Dns, corefile: str, node_hosts: str) -> list[Obj]:
    """Return what must be in the virtual cluster for this DNS."""
    if not dns.coredns.enabled:
        return []
    if overwritten := manifests_of(dns.coredns):
        return [_with_settings(manifest, corefile, node_hosts) for manifest in overwritten]
    if dns.coredns.embedded:
        return [*rights("User"), service(dns)]
    return [*rights("ServiceAccount"), account(), settings(corefile, node_hosts), deployment(dns), service(dns)]


def manifests_of(coredns: Coredns) -> list[Obj]:
    """Return the operator's own manifests, none if there are none. Raises ConfigError when they are no manifests."""
    try:
        found = [one for one in yaml.safe_load_all(coredns.overwrite_manifests) if one is not None]
    except yaml.YAMLError as error:
        raise ConfigError(f"{OVERWRITE}: not YAML: {' '.join(str(error).split())}") from error
    for index, one in enumerate(found):
        if not (isinstance(one, dict) and one.get("kind") and isinstance(get_path(one, "metadata.name"), str)):
            raise ConfigError(f"{OVERWRITE}: document {index} has no kind and metadata.name")
        if not one["kind"].startswith("Cluster"):
            one["metadata"].setdefault("namespace", NAMESPACE)
    return found


def key_of(manifest: Obj) -> VirtualKey:
    """Return where a manifest's object is."""
    meta = manifest["metadata"]
    return VirtualKey(meta.get("namespace") or "", meta["name"])


def _with_settings(manifest: Obj, corefile: str, node_hosts: str) -> Obj:
    """Fill in what a ConfigMap ``coredns`` does not say itself."""
    if manifest["kind"] == "ConfigMap" and key_of(manifest) == COREDNS:
        ours = {"Corefile": corefile, "NodeHosts": node_hosts}
        return {**manifest, "data": ours | (manifest.get("data") or {})}
    return manifest


def account() -> Obj:
    """Return who the CoreDNS pods are."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "coredns", "namespace": NAMESPACE}}


def rights(subject: str) -> list[Obj]:
    """Return what CoreDNS may read, as a ServiceAccount or as the user ``system:coredns``."""
    rules = [
        {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    account = {"kind": "ServiceAccount", "name": "coredns", "namespace": NAMESPACE}
    user = {"kind": "User", "name": ROLE, "apiGroup": RBAC}
    return [
        {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": ROLE}, "rules": rules},
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": ROLE},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": ROLE},
            "subjects": [user if subject == "User" else account],
        },
    ]


def settings(corefile: str, node_hosts: str) -> Obj:
    """Return the ConfigMap that the CoreDNS pods mount."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": COREDNS.name, "namespace": NAMESPACE},
        "data": {"Corefile": corefile, "NodeHosts": node_hosts},
    }


def service(dns: Dns) -> Obj:
    """Return the Service that every pod asks; beside a gateway nothing is selected, its endpoints are written."""
    asked = dns.coredns.service
    marks = {APP: APP_LABEL, "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"}
    scraped = {"prometheus.io/port": "9153", "prometheus.io/scrape": "true"}
    ports = [
        {"name": name, "protocol": protocol, "port": port, "targetPort": target}
        for name, protocol, port, target in PORTS
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": KUBE_DNS.name,
            "namespace": NAMESPACE,
            "labels": {**marks, **asked.labels},
            "annotations": {**scraped, **asked.annotations},
        },
        "spec": {**asked.spec, "ports": ports, **({"selector": dict(SELECTED)} if dns.in_pods else {})},
    }


def endpoints(address: str) -> Obj:
    """Return where the Service leads when CoreDNS runs beside the gateway."""
    ports = [{"name": name, "protocol": protocol, "port": target} for name, protocol, _, target in PORTS]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": KUBE_DNS.name,
            "namespace": NAMESPACE,
            "labels": {
                "kubernetes.io/service-name": KUBE_DNS.name,
                "endpointslice.kubernetes.io/managed-by": "vgateway",
            },
        },
        "addressType": "IPv6" if ":" in address else "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": ports,
    }


def deployment(dns: Dns) -> Obj:
    """Return the Deployment of the CoreDNS pods."""
    asked = dns.coredns.deployment
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": COREDNS.name,
            "namespace": NAMESPACE,
            "labels": {APP: APP_LABEL, **asked.labels},
            **({"annotations": dict(asked.annotations)} if asked.annotations else {}),
        },
        "spec": {
            "replicas": asked.replicas,
            # A pod goes only when its successor answers.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "selector": {"matchLabels": dict(SELECTED)},
            "template": {
                "metadata": {
                    "labels": {APP: APP_LABEL, **asked.pods.labels, **SELECTED},
                    **({"annotations": dict(asked.pods.annotations)} if asked.pods.annotations else {}),
                },
                "spec": _pod(dns),
            },
        },
    }


def _pod(dns: Dns) -> Obj:
    asked, security = dns.coredns.deployment, dns.coredns.security
    context = {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    optional: dict[str, Any] = {
        "priorityClassName": dns.coredns.priority_class_name,
        "affinity": dict(asked.affinity),
        "tolerations": [dict(one) for one in asked.tolerations],
        "nodeSelector": dict(asked.node_selector),
        "topologySpreadConstraints": [dict(one) for one in asked.topology_spread_constraints],
    }
    return {
        "serviceAccountName": "coredns",
        # What it forwards must not come back to it.
        "dnsPolicy": "Default",
        "securityContext": {**context, **security.pod_security_context},
        "containers": [_container(dns)],
        "volumes": [
            {"name": "config", "configMap": {"name": COREDNS.name}},
            {"name": "custom", "configMap": {"name": CUSTOM.name, "optional": True}},
        ],
        **{name: value for name, value in optional.items() if value},
    }


def _container(dns: Dns) -> Obj:
    context = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    return {
        "name": "coredns",
        "image": dns.coredns.deployment.image or IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "resources": dict(dns.coredns.deployment.resources),
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/coredns", "readOnly": True},
            {"name": "custom", "mountPath": "/etc/coredns/custom", "readOnly": True},
        ],
        "ports": [{"name": name, "protocol": protocol, "containerPort": target} for name, protocol, _, target in PORTS],
        "livenessProbe": {
            "httpGet": {"path": "/health", "port": 8080},
            "initialDelaySeconds": 60,
            "timeoutSeconds": 5,
            "failureThreshold": 5,
        },
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 2},
        "securityContext": {**context, **dns.coredns.security.container_security_context},
    }
