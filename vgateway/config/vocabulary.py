"""What vcluster.yaml knows and we do not: told apart from a typing error, and never ignored."""

from collections.abc import Sequence

NOT_YET = frozenset(
    {
        "deploy",
        "experimental",
        "exportKubeConfig",
        "external",
        "integrations",
        "platform",
        "plugin",
        "plugins",
        "pro",
        "privateNodes",
        "rbac",
        "sleep",
        "sleepMode",
        "snapshots",
        "standalone",
        "telemetry",
        "controlPlane.advanced",
        "controlPlane.backingStore",
        "controlPlane.coredns",
        "controlPlane.distro",
        "controlPlane.endpoint",
        "controlPlane.hostPathMapper",
        "controlPlane.ingress",
        "controlPlane.service",
        "controlPlane.serviceMonitor",
        "controlPlane.standalone",
        "controlPlane.statefulSet",
        "controlPlane.tlsRoute",
        "controlPlane.proxy.extraSANs",
        "networking.replicateServices",
        "networking.resolveDNS",
        "networking.resolveServices",
        "networking.podCIDR",
        "networking.serviceCIDR",
        "networking.advanced.fallback",
        "networking.advanced.fallbackHostCluster",
        "networking.advanced.proxyKubelets",
    }
)

# Where the spelling of before vcluster.yaml has gone.
MOVED = {
    "fallbackHostDns": "networking.advanced.fallbackHostCluster",
    "isolation": "policies",
    "mapServices": "networking.replicateServices",
    "multiNamespaceMode": "sync.toHost.namespaces",
    "sync.configmaps": "sync.toHost.configMaps",
    "sync.csidrivers": "sync.fromHost.csiDrivers",
    "sync.csinodes": "sync.fromHost.csiNodes",
    "sync.endpoints": "sync.toHost.endpoints",
    "sync.events": "sync.fromHost.events",
    "sync.hoststorageclasses": "sync.fromHost.storageClasses",
    "sync.ingressclasses": "sync.fromHost.ingressClasses",
    "sync.ingresses": "sync.toHost.ingresses",
    "sync.networkpolicies": "sync.toHost.networkPolicies",
    "sync.nodes": "sync.fromHost.nodes",
    "sync.persistentvolumeclaims": "sync.toHost.persistentVolumeClaims",
    "sync.persistentvolumes": "sync.toHost.persistentVolumes",
    "sync.poddisruptionbudgets": "sync.toHost.podDisruptionBudgets",
    "sync.pods": "sync.toHost.pods",
    "sync.priorityclasses": "sync.toHost.priorityClasses",
    "sync.secrets": "sync.toHost.secrets",
    "sync.serviceaccounts": "sync.toHost.serviceAccounts",
    "sync.services": "sync.toHost.services",
    "sync.storageclasses": "sync.toHost.storageClasses",
    "sync.volumesnapshots": "sync.toHost.volumeSnapshots",
}


def about_unknown(path: Sequence[str]) -> str:
    """Say what a key that no section has is, in a few words."""
    if now := MOVED.get(".".join(path)):
        return f"an older spelling that is not read yet; write {now}"
    return "not supported yet" if is_not_yet(path) else "unknown key"


def is_not_yet(path: Sequence[str]) -> bool:
    """Say whether a key is one of vcluster.yaml's that nothing of ours answers to yet."""
    return ".".join(path) in NOT_YET or (path[0] == "sync" and path[-1] == "patches" and len(path) == 4)
