"""Environment: how a pod finds the tenant's API and services, and references under host names.

Service variables have the least say, as with a kubelet: what the pod defines itself, or takes from a ConfigMap or
Secret as a whole, wins over them.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vgateway.kube.objects import Obj, Resource, VirtualKey, VirtualObj, get_path
from vgateway.syncer.kinds.pod.fields import host_field_ref
from vgateway.syncer.kinds.rootca import ROOT_CA
from vgateway.syncer.resources import CONFIGMAPS, SECRETS, SERVICES
from vgateway.syncer.view import BY_NAMESPACE, View, cluster_ip

API_PORTS = ({"name": "https", "port": 443, "protocol": "TCP"},)


def service_variables(name: str, address: str, ports: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield what a kubelet tells containers about one service, in the order in which it does."""
    prefix = name.upper().replace("-", "_")
    host = f"[{address}]" if ":" in address else address
    yield f"{prefix}_SERVICE_HOST", address
    for position, port in enumerate(ports):
        number, protocol = str(port["port"]), str(port.get("protocol") or "TCP")
        link = f"{prefix}_PORT_{number}_{protocol}"
        url = f"{protocol.lower()}://{host}:{number}"
        if position == 0:
            yield f"{prefix}_SERVICE_PORT", number
            yield f"{prefix}_PORT", url
        if port.get("name"):
            yield f"{prefix}_SERVICE_PORT_{port['name'].upper().replace('-', '_')}", number
        yield link, url
        yield f"{link}_PROTO", protocol.lower()
        yield f"{link}_PORT", number
        yield f"{link}_ADDR", address


def pod_variables(virtual: VirtualObj, view: View) -> dict[str, str]:
    """Return the service variables of a pod, by name."""
    found: dict[str, str] = {}
    if get_path(virtual, "spec.enableServiceLinks") is not False:
        for key in view.virtual_keys(SERVICES, BY_NAMESPACE, virtual["metadata"]["namespace"]):
            found.update(_linked(key, view))
    found.update(service_variables("kubernetes", view.front_address(), API_PORTS))
    return dict(sorted(found.items()))


def _linked(key: VirtualKey, view: View) -> Iterable[tuple[str, str]]:
    service = view.virtual_obj(SERVICES, key)
    # The host's address is the one that counts: the tenant's may be about to follow it.
    address = view.twin_address(key) or cluster_ip(service)
    if service is None or not address or get_path(service, "spec.type") == "ExternalName":
        return ()
    return service_variables(key.name, address, get_path(service, "spec.ports") or ())


def host_environment(container: Mapping[str, Any], virtual: VirtualObj, services: Mapping[str, str], view: View) -> Obj:
    """Return ``env`` and ``envFrom`` of a container on the host."""
    namespace = virtual["metadata"]["namespace"]
    own = container.get("env") or ()
    sources = container.get("envFrom") or ()
    taken = {variable["name"] for variable in own} | set(_taken_from(sources, namespace, view))
    env = [{"name": name, "value": value} for name, value in services.items() if name not in taken]
    env.extend(host_variable(variable, namespace, view) for variable in own)
    found: Obj = {"env": env}
    if sources:
        found["envFrom"] = [_host_source(source, namespace, view) for source in sources]
    return found


def host_variable(variable: Mapping[str, Any], namespace: str, view: View) -> Obj:
    """Translate one variable."""
    source = variable.get("valueFrom")
    if not source:
        return dict(variable)
    changed = dict(source)
    if ref := source.get("fieldRef"):
        changed["fieldRef"] = host_field_ref(view.names, ref)
    for field in ("configMapKeyRef", "secretKeyRef"):
        if ref := source.get(field):
            changed[field] = host_reference(ref, namespace, view)
    return {**variable, "valueFrom": changed}


def host_reference(ref: Mapping[str, Any], namespace: str, view: View) -> Obj:
    """Translate ``{name: …}`` of a ConfigMap or Secret in the pod's namespace."""
    return {**ref, "name": host_reference_name(ref["name"], namespace, view)} if ref.get("name") else dict(ref)


def host_reference_name(name: str, namespace: str, view: View) -> str:
    """Translate the name of a ConfigMap or Secret; the tenant's CA is one for all namespaces."""
    return view.names.root_ca if name == ROOT_CA else view.names.host_name(name, namespace)


def _host_source(source: Mapping[str, Any], namespace: str, view: View) -> Obj:
    refs = {name: source[name] for name in ("configMapRef", "secretRef") if source.get(name)}
    return {**source, **{name: host_reference(ref, namespace, view) for name, ref in refs.items()}}


def _taken_from(sources: Iterable[Mapping[str, Any]], namespace: str, view: View) -> Iterator[str]:
    """Yield the names of variables that whole ConfigMaps and Secrets bring."""
    for source in sources:
        prefix = source.get("prefix") or ""
        for field, resource in (("configMapRef", CONFIGMAPS), ("secretRef", SECRETS)):
            name = get_path(source, f"{field}.name")
            for key in _data_keys(resource, VirtualKey(namespace, name), view) if name else ():
                yield f"{prefix}{key}"


def _data_keys(resource: Resource, key: VirtualKey, view: View) -> Iterable[str]:
    found = view.virtual_obj(resource, key)
    return () if found is None else (found.get("data") or {}).keys()
