"""What vcluster.yaml knows and we do not: told apart from a typing error, and never ignored."""

from collections.abc import Mapping, Sequence
from typing import Any

NOT_YET = frozenset(
    {
        "deploy",
        "experimental",
        "external",
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
        "controlPlane.advanced.defaultImageRegistry",
        "controlPlane.advanced.globalMetadata",
        "controlPlane.advanced.headlessService",
        "controlPlane.advanced.konnectivity",
        "controlPlane.advanced.registry",
        "controlPlane.advanced.serviceAccount",
        "controlPlane.advanced.workloadServiceAccount",
        "controlPlane.endpoint",
        "controlPlane.hostPathMapper",
        "controlPlane.ingress",
        "controlPlane.standalone",
        "controlPlane.statefulSet.additionalInitContainers",
        "controlPlane.statefulSet.additionalVolumeMounts",
        "controlPlane.statefulSet.additionalVolumes",
        "controlPlane.statefulSet.args",
        "controlPlane.statefulSet.command",
        "controlPlane.statefulSet.enableServiceLinks",
        "controlPlane.statefulSet.env",
        "controlPlane.statefulSet.envFrom",
        "controlPlane.statefulSet.initContainers",
        "controlPlane.statefulSet.probes",
        "controlPlane.statefulSet.security",
        "controlPlane.statefulSet.sidecarContainers",
        "controlPlane.distro.k3s",
        "controlPlane.distro.k0s",
        "controlPlane.distro.eks",
        "controlPlane.distro.k8s.image",
        "controlPlane.distro.k8s.imagePullPolicy",
        "controlPlane.distro.k8s.resources",
        "controlPlane.distro.k8s.securityContext",
        "controlPlane.distro.k8s.env",
        "controlPlane.distro.k8s.scheduler",
        "controlPlane.distro.k8s.apiServer.command",
        "controlPlane.distro.k8s.apiServer.imagePullPolicy",
        "controlPlane.distro.k8s.controllerManager.command",
        "controlPlane.distro.k8s.controllerManager.imagePullPolicy",
        "controlPlane.backingStore.database.embedded.dataSource",
        "controlPlane.backingStore.database.embedded.certFile",
        "controlPlane.backingStore.database.embedded.keyFile",
        "controlPlane.backingStore.database.embedded.caFile",
        "controlPlane.backingStore.database.external",
        "controlPlane.backingStore.etcd",
        "controlPlane.statefulSet.persistence.volumeClaimTemplates",
        "controlPlane.statefulSet.persistence.addVolumes",
        "controlPlane.statefulSet.persistence.addVolumeMounts",
        "controlPlane.statefulSet.persistence.dataVolume",
        "controlPlane.statefulSet.persistence.binariesVolume",
        "controlPlane.service.httpsNodePort",
        "controlPlane.service.kubeletNodePort",
        "exportKubeConfig.insecure",
        "exportKubeConfig.serviceAccount",
        "exportKubeConfig.secret",
        "exportKubeConfig.additionalSecrets",
        "controlPlane.tlsRoute",
        "networking.podCIDR",
    }
)


# What else the chart spells out where nothing is wanted of it.
EMPTY = frozenset({"policies.podSecurityStandard", "policies.centralAdmission"})


def is_idle(value: Any) -> bool:
    """Say whether a section of the chart's default values asks for nothing: it is empty, or turned off."""
    if isinstance(value, Mapping):
        return value.get("enabled") in (False, "false") or all(is_idle(inner) for inner in value.values())
    return value in (None, False, "", 0) or value == []


def about_unknown(path: Sequence[str]) -> str:
    """Say what a key that no section has is, in a few words."""
    return "not supported yet" if is_not_yet(path) else "unknown key"


def is_not_yet(path: Sequence[str]) -> bool:
    """Say whether a key is one of vcluster.yaml's that nothing of ours answers to yet."""
    return ".".join(path) in NOT_YET
