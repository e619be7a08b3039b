"""The vocabulary of before vcluster.yaml (Helm values of 0.19 and earlier), as data: what became of each key.

Read top down: a key that is more special stands before its section. ``convert`` applies the tables.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


def same(value: Any) -> Any:
    """Return the value as it is."""
    return value


def opposite(value: Any) -> Any:
    """Return the other truth value. Raises ValueError for what is none."""
    if value is not True and value is not False:
        raise ValueError("true or false is expected")
    return not value


def labels_of(selector: Any) -> Any:
    """Return what ``a=b,c=d`` selects as a mapping. Raises ValueError for anything but equalities."""
    pairs = [term.strip().partition("=") for term in str(selector).split(",") if term.strip()]
    if any(not name or not equals or value.startswith("=") for name, equals, value in pairs):
        raise ValueError("labels are expected as name=value,name=value")
    return {name: value for name, _, value in pairs}


def string_list(value: Any) -> Any:
    """Return a list of what was one string or several."""
    return list(value) if isinstance(value, list) else [value]


def metrics_server(section: Any) -> Any:
    """Return today's section of one that had a switch for each resource, both off. Raises ValueError for another."""
    known = {"nodes": {"enabled": False}, "pods": {"enabled": False}}
    if not isinstance(section, dict) or not section.keys() <= known.keys():
        raise ValueError("nodes.enabled and pods.enabled are expected")
    on = {name: bool(((known | section)[name] or {}).get("enabled")) for name in known}
    return {"enabled": True, **on} if any(on.values()) else {"enabled": False}


@dataclass(frozen=True, slots=True)
class Move:
    """A key that is spelled ``new`` today, with its value changed on the way."""

    old: str
    new: str
    change: Callable[[Any], Any] = same


def _kinds(direction: str, names: Mapping[str, str]) -> tuple[Move, ...]:
    return tuple(Move(f"sync.{old}", f"sync.{direction}.{new}") for old, new in names.items())


NODES = "sync.fromHost.nodes"
COREDNS = "controlPlane.coredns"
STATEFUL_SET = "controlPlane.statefulSet"

MOVES: tuple[Move, ...] = (
    Move("mapServices.fromHost", "networking.replicateServices.fromHost"),
    Move("mapServices.fromVirtual", "networking.replicateServices.toHost"),
    Move("fallbackHostDns", "networking.advanced.fallbackHostCluster"),
    Move("multiNamespaceMode.enabled", "sync.toHost.namespaces.enabled"),
    Move("proxy.metricsServer", "integrations.metricsServer", metrics_server),
    Move("sync.nodes.fakeKubeletIPs", "networking.advanced.proxyKubelets.byIP"),
    Move("sync.nodes.syncAllNodes", f"{NODES}.selector.all"),
    Move("sync.nodes.nodeSelector", f"{NODES}.selector.labels", labels_of),
    Move("sync.nodes.syncNodeChanges", f"{NODES}.syncBackChanges"),
    Move("sync.nodes.enableScheduler", "controlPlane.advanced.virtualScheduler.enabled"),
    Move("sync.nodes", NODES),
    *_kinds(
        "toHost",
        {
            "configmaps": "configMaps",
            "endpoints": "endpoints",
            "ingresses": "ingresses",
            "networkpolicies": "networkPolicies",
            "persistentvolumeclaims": "persistentVolumeClaims",
            "persistentvolumes": "persistentVolumes",
            "poddisruptionbudgets": "podDisruptionBudgets",
            "pods": "pods",
            "priorityclasses": "priorityClasses",
            "secrets": "secrets",
            "serviceaccounts": "serviceAccounts",
            "services": "services",
            "storageclasses": "storageClasses",
            "volumesnapshots": "volumeSnapshots",
        },
    ),
    *_kinds(
        "fromHost",
        {
            "csidrivers": "csiDrivers",
            "csinodes": "csiNodes",
            "csistoragecapacities": "csiStorageCapacities",
            "events": "events",
            "hoststorageclasses": "storageClasses",
            "legacy-storageclasses": "storageClasses",
            "ingressclasses": "ingressClasses",
        },
    ),
    Move("coredns.integrated", f"{COREDNS}.embedded"),
    Move("coredns.replicas", f"{COREDNS}.deployment.replicas"),
    Move("coredns.resources", f"{COREDNS}.deployment.resources"),
    Move("coredns.image", f"{COREDNS}.deployment.image"),
    Move("coredns.podAnnotations", f"{COREDNS}.deployment.pods.annotations"),
    Move("coredns.podLabels", f"{COREDNS}.deployment.pods.labels"),
    Move("coredns.config", f"{COREDNS}.overwriteConfig"),
    Move("coredns.manifests", f"{COREDNS}.overwriteManifests"),
    Move("coredns.service.annotations", f"{COREDNS}.service.annotations"),
    Move("coredns.service", f"{COREDNS}.service.spec"),
    Move("coredns.enabled", f"{COREDNS}.enabled"),
    Move("init.manifests", "experimental.deploy.vcluster.manifests"),
    Move("init.manifestsTemplate", "experimental.deploy.vcluster.manifestsTemplate"),
    Move("init.helm", "experimental.deploy.vcluster.helm"),
    Move("defaultImageRegistry", "controlPlane.advanced.defaultImageRegistry"),
    Move("globalAnnotations", "controlPlane.advanced.globalMetadata.annotations"),
    Move("serviceAccount.create", "controlPlane.advanced.serviceAccount.enabled"),
    Move("serviceAccount", "controlPlane.advanced.serviceAccount"),
    Move("workloadServiceAccount", "controlPlane.advanced.workloadServiceAccount"),
    Move("rbac.role.create", "rbac.role.enabled"),
    Move("rbac.clusterRole.create", "rbac.clusterRole.enabled"),
    Move("monitoring.serviceMonitor", "controlPlane.serviceMonitor"),
    Move("embeddedEtcd", "controlPlane.backingStore.etcd.embedded"),
    Move("telemetry.disabled", "telemetry.enabled", opposite),
    Move("storage.size", f"{STATEFUL_SET}.persistence.volumeClaim.size"),
    Move("storage.className", f"{STATEFUL_SET}.persistence.volumeClaim.storageClass"),
    Move("storage.persistence", f"{STATEFUL_SET}.persistence.volumeClaim.enabled"),
    Move("syncer.replicas", f"{STATEFUL_SET}.highAvailability.replicas"),
    Move("syncer.image", f"{STATEFUL_SET}.image"),
    Move("syncer.env", f"{STATEFUL_SET}.env"),
    Move("syncer.resources", f"{STATEFUL_SET}.resources"),
    Move("syncer.livenessProbe", f"{STATEFUL_SET}.probes.livenessProbe"),
    Move("syncer.readinessProbe", f"{STATEFUL_SET}.probes.readinessProbe"),
    Move("syncer.serviceAnnotations", "controlPlane.service.annotations"),
    Move("syncer.kubeConfigContextName", "exportKubeConfig.context"),
    Move("policies.networkPolicy.outgoingConnections.ipBlock", "policies.networkPolicy.workload.publicEgress"),
    Move("policies.networkPolicy.extraControlPlaneRules", "policies.networkPolicy.controlPlane.egress"),
    Move("policies.networkPolicy.extraWorkloadRules", "policies.networkPolicy.workload.egress"),
    Move("service", "controlPlane.service.spec"),
    Move("ingress", "controlPlane.ingress"),
)

# Keys that say nothing today, when they have the value that is told here, and why. Any other value is a problem.
GONE: Mapping[str, tuple[tuple[Any, ...], str]] = {
    "sync.pods.ephemeralContainers": ((True, False), "debug containers always cross"),
    "sync.pods.status": ((True, False), "the status always comes back"),
    "sync.fake-nodes.enabled": ((True,), "nodes are the tenant's own unless sync.fromHost.nodes is on"),
    "sync.fake-persistentvolumes.enabled": ((True,), "volumes are shown unless sync.toHost.persistentVolumes is on"),
    "coredns.plugin.enabled": ((False,), "there are no plugins"),
    "noopSyncer.enabled": ((False,), "the gateway and its syncer are one"),
    "enableHA": ((False,), "say the number of replicas"),
    "headless": ((False,), "the control plane always runs beside the gateway"),
    "pro": ((True, False), "there is one edition"),
    "policies.networkPolicy.fallbackDns": (("8.8.8.8",), "say networking.advanced.fallback"),
    "policies.networkPolicy.outgoingConnections.platform": ((True, False), "there is no platform"),
}

# Flags of the syncer in ``syncer.extraArgs``.
FLAGS: Mapping[str, Move] = {
    move.old: move
    for move in (
        Move("--tls-san", "controlPlane.proxy.extraSANs", string_list),
        Move("--fake-kubelet-ips", "networking.advanced.proxyKubelets.byIP"),
        Move("--disable-fake-kubelets", "networking.advanced.proxyKubelets.byHostname", opposite),
        Move("--enforce-toleration", "sync.toHost.pods.enforceTolerations", string_list),
        Move("--translate-image", "sync.toHost.pods.translateImage", lambda one: dict([str(one).split("=", 1)])),
        Move("--service-account", "controlPlane.advanced.workloadServiceAccount.name"),
        Move("--override-hosts", "sync.toHost.pods.rewriteHosts.enabled"),
        Move("--cluster-domain", "networking.advanced.clusterDomain"),
        Move("--lease-duration", f"{STATEFUL_SET}.highAvailability.leaseDuration", int),
        Move("--renew-deadline", f"{STATEFUL_SET}.highAvailability.renewDeadline", int),
        Move("--retry-period", f"{STATEFUL_SET}.highAvailability.retryPeriod", int),
        Move("--node-selector", f"{NODES}.selector.labels", labels_of),
        Move("--sync-all-nodes", f"{NODES}.selector.all"),
        Move("--enable-scheduler", "controlPlane.advanced.virtualScheduler.enabled"),
        Move("--multi-namespace-mode", "sync.toHost.namespaces.enabled"),
        Move("--fallback-host-dns", "networking.advanced.fallbackHostCluster"),
        Move("--out-kube-config-secret", "exportKubeConfig.secret.name"),
        Move("--out-kube-config-secret-namespace", "exportKubeConfig.secret.namespace"),
        Move("--out-kube-config-server", "exportKubeConfig.server"),
        Move("--kube-config-context-name", "exportKubeConfig.context"),
        Move("--pod-security-standard", "policies.podSecurityStandard"),
    )
}
# A flag that turns a switch on beside what it says.
IMPLIED: Mapping[str, str] = {"--node-selector": f"{NODES}.enabled", "--sync-all-nodes": f"{NODES}.enabled"}

# What the section had; its network policy's exceptions and node rights follow from the configuration today.
ISOLATION = frozenset(
    {
        "enabled",
        "podSecurityStandard",
        "resourceQuota",
        "limitRange",
        "networkPolicy",
        "nodeProxyPermission",
        "namespace",
    }
)
