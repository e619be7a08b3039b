"""Who decides which field of a pod, in words, for those who ask."""

from collections.abc import Mapping

POD_OWNERS: Mapping[str, str] = {
    "spec": "the tenant, when the pod is made; the host's admission may change the copy, and that stays",
    "spec.containers[*].image": "the tenant; a change is pushed, through the image map",
    "spec.containers[*].resources": "the tenant; a change is pushed as a resize, where the host can do that",
    "spec.activeDeadlineSeconds": "the tenant",
    "spec.tolerations": "the tenant and the configuration add; what the host added stays",
    "spec.schedulingGates": "whoever set a gate lifts it",
    "spec.ephemeralContainers": "the tenant adds",
    "spec.nodeName": "the host's scheduler",
    "spec.runtimeClassName": "the configuration of the virtual cluster, else the tenant",
    "spec.priorityClassName": "the configuration of the virtual cluster",
    "spec.serviceAccountName": "the gateway; the tokens in the pod are of the tenant's cluster",
    "status": "the host, of the containers that the tenant knows; conditions of readiness gates are the tenant's",
}
