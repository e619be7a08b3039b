"""Ingresses: the host's controller serves the tenant's, so what they name has the host's names.

Hosts and paths stay as they are. Annotations are the controllers' own; those that are known to name a Service or a
Secret are translated, with the secrets they need.
"""

from collections.abc import Iterable, Iterator, Mapping

import orjson

from vgateway.kube.names import Names
from vgateway.kube.objects import HostObj, Obj, Resource, VirtualKey, VirtualObj, annotations, get_path
from vgateway.kube.ownership import owner_of
from vgateway.syncer.kind import Hint, Index, Side, Source, SyncedKind, Wake
from vgateway.syncer.kinds.custom import push_naming, with_host_names
from vgateway.syncer.kinds.references import Referrer
from vgateway.syncer.metadata import host_annotations
from vgateway.syncer.resources import INGRESSCLASSES, INGRESSES, SECRETS
from vgateway.syncer.rules import mirror, pull
from vgateway.syncer.steps import Step, Tell
from vgateway.syncer.view import BY_CLAIM, View

BACKENDS = (
    "spec.defaultBackend.service.name",
    "spec.defaultBackend.resource.name",
    "spec.rules[].http.paths[].backend.service.name",
    "spec.rules[].http.paths[].backend.resource.name",
)
CERTIFICATES = ("spec.tls[].secretName",)
# Of ingress-nginx: a Secret, as ``name`` or ``namespace/name``.
SECRET_ANNOTATIONS = tuple(
    f"nginx.ingress.kubernetes.io/{name}" for name in ("auth-secret", "auth-tls-secret", "proxy-ssl-secret")
)
# Of the AWS load balancer controller: the key ends in a Service's name, and the value, JSON, may name more of them.
ACTIONS = "alb.ingress.kubernetes.io/actions."
CONDITIONS = "alb.ingress.kubernetes.io/conditions."
SERVICES_OF_ACTION = (("forwardConfig", "targetGroups", "[]", "serviceName"), ("serviceName",))


def secret_of(value: str, namespace: str) -> VirtualKey:
    """Return the Secret that an annotation names, beside the Ingress unless it says where."""
    where, _, name = value.rpartition("/")
    return VirtualKey(where or namespace, name)


def _of_ingress(ingress: Obj) -> Iterable[tuple[Resource, VirtualKey]]:
    namespace, marks = ingress["metadata"].get("namespace") or "", annotations(ingress)
    named = {
        VirtualKey(namespace, one["secretName"]) for one in get_path(ingress, "spec.tls") or () if one.get("secretName")
    }
    named |= {secret_of(marks[key], namespace) for key in SECRET_ANNOTATIONS if marks.get(key)}
    return [(SECRETS, key) for key in named]


INGRESSES_REFER = Referrer(INGRESSES, _of_ingress)


def ingress_annotations(marks: Mapping[str, str], namespace: str, names: Names) -> dict[str, str]:
    """Return an Ingress's annotations in the host's names; those that name nothing stay as they are."""
    return dict(_annotation(key, value, namespace, names) for key, value in marks.items())


def _annotation(key: str, value: str, namespace: str, names: Names) -> tuple[str, str]:
    if key in SECRET_ANNOTATIONS and value:
        host = names.host_key(secret_of(value, namespace))
        return key, f"{host.namespace}/{host.name}" if "/" in value else host.name
    for prefix in (ACTIONS, CONDITIONS):
        if key.startswith(prefix):
            return prefix + names.host_name(key.removeprefix(prefix), namespace), _action(value, namespace, names)
    return key, value


def _action(value: str, namespace: str, names: Names) -> str:
    try:
        action = orjson.loads(value)
    except orjson.JSONDecodeError:
        return value  # the controller will say so
    changed = action
    for path in SERVICES_OF_ACTION:
        changed = with_host_names(changed, path, namespace, names)
    return value if changed == action else orjson.dumps(changed).decode()


def _of_class(hint: Hint, view: View) -> Iterable[VirtualKey]:
    """Return the Ingresses that may be served, or not any more, when a class comes or goes."""
    return view.all_virtual_keys(INGRESSES) if hint.came or hint.went else ()


def claims(ingress: Obj) -> Iterable[str]:
    """Return the host names that an Ingress claims of its controller, each with the class."""
    served_by = get_path(ingress, "spec.ingressClassName") or ""
    hosts = {rule.get("host") for rule in get_path(ingress, "spec.rules") or ()}
    return sorted(f"{served_by} {host}" for host in hosts if host)


def _told(ingress: Obj, view: View) -> Iterator[Step]:
    """Tell of host names that somebody else claims too."""
    if contested := ", ".join(_contested(ingress, view)):
        yield Tell("HostNameShared", f"{contested}: an Ingress that is not yours claims it of the same controller")


def _contested(ingress: Obj, view: View) -> Iterator[str]:
    """Yield the host names that somebody else's Ingress claims of the same controller."""
    for claim in claims(ingress):
        if any(owner is None for _, owner in _claimants(claim, view)):
            yield claim.partition(" ")[2]


def _claimants(claim: str, view: View) -> Iterator[tuple[str, VirtualKey | None]]:
    """Yield (name on the host, whose it is if it is the tenant's) of the Ingresses that claim a host name."""
    for namespace, name in view.host[INGRESSES].keys_by_index(BY_CLAIM, claim):
        found = view.host[INGRESSES].get(namespace, name)
        if found is not None:
            yield name, owner_of(view.names, INGRESSES, HostObj(found))


def _rivals(hint: Hint, view: View) -> Iterable[VirtualKey]:
    """Return the tenant's Ingresses that claim what another one claims."""
    owners = (owner for claim in claims(hint.some) for _, owner in _claimants(claim, view))
    return {owner for owner in owners if owner is not None}


class IngressKind(SyncedKind):
    """Every Ingress whose class the tenant may use."""

    resource = INGRESSES
    rules = (
        push_naming("spec.defaultBackend", BACKENDS),
        push_naming("spec.rules", BACKENDS),
        push_naming("spec.tls", CERTIFICATES),
        # The host's admission gives a default class to what has none.
        mirror("spec.ingressClassName"),
        pull("status.loadBalancer"),
    )

    also_wakes = (Wake(Side.VIRTUAL, INGRESSCLASSES, _of_class), Wake(Side.HOST, INGRESSES, _rivals))

    @property
    def reads(self) -> tuple[Source, ...]:
        """Those of others in the host namespace too, which may claim the same host names."""
        return (Source(Side.HOST, INGRESSES, everything=True),)

    @property
    def indexes(self) -> tuple[Index, ...]:
        """Who claims a host name."""
        return (Index(Side.HOST, INGRESSES, BY_CLAIM, claims),)

    def introduce(self, virtual: VirtualObj, view: View) -> Iterator[Step]:
        """Tell already when the copy is made: nobody looks again when it is seen."""
        yield from _told(virtual, view)
        yield from super().introduce(virtual, view)

    def agree(self, virtual: VirtualObj, host: HostObj, view: View) -> Iterator[Step]:
        """Tell when somebody else comes later; which of the two is served, the controller decides."""
        yield from _told(host, view)

    def refusal(self, virtual: VirtualObj, view: View) -> str:
        """Where the tenant is shown the host's classes, it may use those that it is shown."""
        name = get_path(virtual, "spec.ingressClassName")
        if not name or not view.settings.sync.from_host.ingress_classes.enabled:
            return ""
        known = view.on_virtual(INGRESSCLASSES, VirtualKey("", name))
        return "" if known else f"there is no IngressClass {name}; see kubectl get ingressclasses"

    def annotations(self, virtual: VirtualObj, view: View) -> dict[str, str]:
        """In the host's names."""
        own = host_annotations(view.names, INGRESSES, virtual)
        return ingress_annotations(own, virtual["metadata"]["namespace"], view.names)
