"""Whether a pod keeps to a Pod Security Standard: the last look before it reaches the host. Pure.

The tenant's API server enforces the standard by the namespaces' labels, but the tenant's administrators may take a
label off for a moment. What it let through then is refused here. The rules are Kubernetes' own, of its newest version.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vgateway.kube.objects import get_path

Spec = Mapping[str, Any]

LISTS = ("containers", "initContainers", "ephemeralContainers")
CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
SELINUX_TYPES = frozenset({"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"})
SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    }
)
RESTRICTED_VOLUMES = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
)
CONFINED = ("RuntimeDefault", "Localhost")
APPARMOR = "container.apparmor.security.beta.kubernetes.io/"


def violations(spec: Spec, annotations: Mapping[str, str], standard: str | None) -> list[str]:
    """Return what a pod's spec does that the standard forbids, a few words each."""
    if standard not in ("baseline", "restricted"):
        return []
    found = [*_of_pod(spec), *_of_annotations(annotations)]
    for container in _containers(spec):
        found += [f"container {container['name']}: {one}" for one in _of_container(container)]
    if standard == "restricted":
        found += _beyond_restricted(spec)
    return found


def _containers(spec: Spec) -> Iterator[Mapping[str, Any]]:
    for name in LISTS:
        yield from spec.get(name) or ()


def _of_pod(spec: Spec) -> Iterator[str]:
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(name):
            yield name
    for volume in spec.get("volumes") or ():
        if "hostPath" in volume:
            yield f"volume {volume['name']}: hostPath"
    for sysctl in get_path(spec, "securityContext.sysctls") or ():
        if sysctl.get("name") not in SYSCTLS:
            yield f"sysctl {sysctl.get('name')}"
    yield from _of_context(spec.get("securityContext") or {})


def _of_annotations(annotations: Mapping[str, str]) -> Iterator[str]:
    for key, value in annotations.items():
        if key.startswith(APPARMOR) and value and value != "runtime/default" and not value.startswith("localhost/"):
            yield f"AppArmor profile {value}"


def _of_context(context: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is forbidden in the security context of a pod or a container alike."""
    for name in ("seccompProfile", "appArmorProfile"):
        if get_path(context, f"{name}.type") == "Unconfined":
            yield f"{name} Unconfined"
    selinux = context.get("seLinuxOptions") or {}
    if (selinux.get("type") or "") not in SELINUX_TYPES or selinux.get("user") or selinux.get("role"):
        yield "seLinuxOptions"
    if get_path(context, "windowsOptions.hostProcess"):
        yield "hostProcess"


def _of_container(container: Mapping[str, Any]) -> Iterator[str]:
    context = container.get("securityContext") or {}
    if context.get("privileged"):
        yield "privileged"
    if context.get("procMount") not in (None, "", "Default"):
        yield "procMount"
    if added := set(get_path(context, "capabilities.add") or ()) - CAPABILITIES:
        yield f"capabilities {', '.join(sorted(added))}"
    if any(port.get("hostPort") for port in container.get("ports") or ()):
        yield "hostPort"
    if any(_names_a_host(action) for action in _actions(container)):
        yield "host of a probe or hook"
    yield from _of_context(context)


def _actions(container: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    probes = [container.get(name) or {} for name in ("livenessProbe", "readinessProbe", "startupProbe")]
    return [*probes, *((get_path(container, f"lifecycle.{name}") or {}) for name in ("postStart", "preStop"))]


def _names_a_host(action: Mapping[str, Any]) -> bool:
    return any(get_path(action, f"{kind}.host") for kind in ("httpGet", "tcpSocket"))


def _beyond_restricted(spec: Spec) -> Iterator[str]:
    for volume in spec.get("volumes") or ():
        if kinds := set(volume) - {"name"} - RESTRICTED_VOLUMES:
            yield f"volume {volume['name']}: {', '.join(sorted(kinds))}"
    pod = spec.get("securityContext") or {}
    if pod.get("runAsUser") == 0:
        yield "runAsUser 0"
    for container in _containers(spec):
        own = container.get("securityContext") or {}
        yield from (f"container {container['name']}: {one}" for one in _unrestricted(own, pod))


def _unrestricted(own: Mapping[str, Any], pod: Mapping[str, Any]) -> Iterator[str]:
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation is not false"
    if not own.get("runAsNonRoot", pod.get("runAsNonRoot")):
        yield "runAsNonRoot is not true"
    if own.get("runAsUser") == 0:
        yield "runAsUser 0"
    if (get_path(own, "seccompProfile.type") or get_path(pod, "seccompProfile.type")) not in CONFINED:
        yield "seccompProfile is not RuntimeDefault or Localhost"
    if "ALL" not in (get_path(own, "capabilities.drop") or ()):
        yield "capabilities do not drop ALL"
    if set(get_path(own, "capabilities.add") or ()) - {"NET_BIND_SERVICE"}:
        yield "capabilities added"
