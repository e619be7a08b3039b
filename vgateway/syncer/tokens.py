"""Service-account tokens of the tenant's cluster for a pod on the host: what is asked for, kept and renewed.

A pod's tokens lie in one host Secret of its own; each is bound to the virtual pod, has the audience and lifetime that
the pod's volume asks for, and is renewed when four fifths of its life are over. Pure: the time is an argument.
"""

from collections.abc import Iterator, Mapping, Sequence

from vgateway.kube.names import Names, safe_concat
from vgateway.kube.objects import HostKey, HostObj, Obj, VirtualKey, VirtualObj, annotations, get_path, labels, uid
from vgateway.kube.ownership import (
    MANAGED_BY,
    OBJECT_HOST_NAME,
    OBJECT_KIND,
    OBJECT_NAME,
    OBJECT_NAMESPACE,
    OBJECT_UID,
    PREFIX,
    kind_annotation,
    owner_annotations,
    owner_labels,
)
from vgateway.syncer.metadata import owner_references
from vgateway.syncer.resources import PODS
from vgateway.syncer.steps import TokenWant
from vgateway.syncer.view import View

RENEW_AT = f"{PREFIX}/token-renew-at"
WANTS = f"{PREFIX}/token-items"
# The API server's least lifetime, and a volume's when it names none.
LEAST_SECONDS = 600
USUAL_SECONDS = 3600
USED_SHARE = 0.8


def token_secret_key(names: Names, pod: VirtualKey) -> HostKey:
    """Say where a pod's tokens lie; no Secret of the tenant translates to this name, since those end in ours."""
    name = safe_concat(pod.name, "x", pod.namespace, "x", names.virtual_cluster, "sa-token")
    return HostKey(names.namespace_of(pod.namespace), name)


def token_sources(virtual: VirtualObj) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Yield (item, source) for each service-account token among a pod's projected volumes."""
    for volume in get_path(virtual, "spec.volumes") or ():
        for position, source in enumerate(get_path(volume, "projected.sources") or ()):
            if found := source.get("serviceAccountToken"):
                yield token_item(volume["name"], position), found


def token_item(volume: str, position: int) -> str:
    """Return the key in the Secret for the token source at a position of a projected volume."""
    return f"{volume}-{position}"


def token_wants(virtual: VirtualObj) -> tuple[TokenWant, ...]:
    """Return the tokens that a pod asks for."""
    return tuple(
        TokenWant(
            item,
            str(source.get("audience") or ""),
            max(LEAST_SECONDS, int(str(source.get("expirationSeconds") or USUAL_SECONDS))),
        )
        for item, source in token_sources(virtual)
    )


def token_request(want: TokenWant, pod: VirtualKey, pod_uid: str) -> Obj:
    """Build the TokenRequest; without an audience the API server puts its own."""
    return {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {
            "audiences": [want.audience] if want.audience else [],
            "expirationSeconds": want.seconds,
            "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": pod.name, "uid": pod_uid},
        },
    }


def secret_without_tokens(virtual: VirtualObj, pod: VirtualKey, view: View) -> Obj:
    """Return the host Secret of a pod before its tokens are put in."""
    where = token_secret_key(view.names, pod)
    marks = owner_annotations(view.names, PODS, virtual) | {OBJECT_HOST_NAME: where.name}
    owners = owner_references(view, virtual, where.namespace)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {
            "name": where.name,
            "namespace": where.namespace,
            "labels": owner_labels(view.names, pod),
            "annotations": marks,
            **({"ownerReferences": owners} if owners else {}),
        },
    }


def filled(secret: Obj, wants: Sequence[TokenWant], issued: Mapping[str, tuple[str, float]]) -> Obj:
    """Put tokens into their Secret; ``issued`` is (base64 token, expiry in seconds since the epoch) by item."""
    renew = min(expiry - (1 - USED_SHARE) * want.seconds for want in wants for expiry in (issued[want.item][1],))
    meta = secret["metadata"]
    marks = meta["annotations"] | {RENEW_AT: str(int(renew)), WANTS: items_line(wants)}
    data = {item: token for item, (token, _) in issued.items()}
    return secret | {"metadata": meta | {"annotations": marks}, "data": data}


def items_line(wants: Sequence[TokenWant]) -> str:
    """Return the items as one line, to be compared with what a Secret holds."""
    return ",".join(want.item for want in wants)


def token_owner(names: Names, secret: HostObj) -> VirtualKey | None:
    """Return the pod whose tokens a host Secret holds; None unless it is provably ours."""
    marks = annotations(secret)
    if labels(secret).get(MANAGED_BY) != names.marker or marks.get(OBJECT_KIND) != kind_annotation(PODS):
        return None
    pod = VirtualKey(marks.get(OBJECT_NAMESPACE, ""), marks.get(OBJECT_NAME, ""))
    name = token_secret_key(names, pod).name
    return pod if secret["metadata"]["name"] == name == marks.get(OBJECT_HOST_NAME) else None


def renewal_due(secret: HostObj, virtual: VirtualObj, wants: Sequence[TokenWant]) -> float:
    """Return when the tokens must be requested anew, in seconds since the epoch; 0 if they are not this pod's."""
    marks = annotations(secret)
    if marks.get(OBJECT_UID) != uid(virtual) or marks.get(WANTS) != items_line(wants):
        return 0.0
    due = marks.get(RENEW_AT, "")
    return float(due) if due.isdecimal() else 0.0
