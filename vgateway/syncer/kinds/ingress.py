"""Ingresses: the host's controller serves the tenant's, so what they name has the host's names.

Hosts and paths stay as they are. Annotations are the controllers' own; those that are known to name a Service or a
Secret are translated, with the secrets they need.
"""

from collections.abc import Iterable, Mapping

import orjson

from vgateway.kube.names import Names
from vgateway.kube.objects import Obj, Resource, VirtualKey, VirtualObj, annotations, get_path
from vgateway.syncer.kind import Hint, Side, SyncedKind, Wake
from vgateway.syncer.kinds.custom import push_naming, with_host_names
from vgateway.syncer.kinds.references import Referrer
from vgateway.syncer.metadata import host_annotations
from vgateway.syncer.resources import INGRESSCLASSES, INGRESSES, SECRETS
from vgateway.syncer.rules import mirror, pull
from vgateway.syncer.view import View

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

    also_wakes = (Wake(Side.VIRTUAL, INGRESSCLASSES, _of_class),)

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
