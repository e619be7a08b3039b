"""What the host's messages call a tenant's object and what it refers to, and what those are to the tenant."""

from collections.abc import Iterator, Mapping

from vgateway.kube.objects import HostObj, Resource, VirtualKey, VirtualObj, get_path, uid
from vgateway.syncer.kinds.references import references
from vgateway.syncer.resources import PODS
from vgateway.syncer.tokens import token_secret_key
from vgateway.syncer.view import View


def words_about(resource: Resource, virtual: VirtualObj, host: HostObj | None, view: View) -> Mapping[str, str]:
    """Return the host's names by which a message may call things, with the tenant's names for them.

    The host's programs write a name bare, after its namespace and a slash, or as ``name_namespace(uid)``.
    """
    namespace = virtual["metadata"]["namespace"]
    known: dict[str, str] = {}
    for name in _names(resource, virtual):
        where = view.names.host_key(VirtualKey(namespace, name))
        known[where.name] = name
        known[f"{where.namespace}/{where.name}"] = f"{namespace}/{name}"
    if resource is PODS:
        name = virtual["metadata"]["name"]
        where = view.names.host_key(VirtualKey(namespace, name))
        known[f"{where.name}_{where.namespace}"] = f"{name}_{namespace}"
        known[token_secret_key(view.names, VirtualKey(namespace, name)).name] = f"{name}-sa-token"
    return known if host is None else known | {uid(host): uid(virtual)}


def _names(resource: Resource, virtual: VirtualObj) -> Iterator[str]:
    yield virtual["metadata"]["name"]
    if resource is PODS:
        yield from (name for _, name in references(virtual))
        yield from _claims(virtual)


def _claims(pod: VirtualObj) -> Iterator[str]:
    for volume in get_path(pod, "spec.volumes") or ():
        if name := get_path(volume, "persistentVolumeClaim.claimName"):
            yield name
        elif volume.get("ephemeral") is not None:
            yield f"{pod['metadata']['name']}-{volume['name']}"
