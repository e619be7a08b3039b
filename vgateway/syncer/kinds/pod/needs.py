"""What a pod needs on the host before it can start there: references, its cluster's CA, an API address, tokens."""

from collections.abc import Callable, Iterable, Iterator

from vgateway.kube.objects import (
    HostKey,
    HostObj,
    Obj,
    Resource,
    VirtualKey,
    VirtualObj,
    annotations,
    get_path,
    uid,
    virtual_key,
)
from vgateway.kube.ownership import OBJECT_UID, owner_of
from vgateway.syncer.kind import Hint, Side, Wake, delete_host, namesakes
from vgateway.syncer.kinds.hostnamespace import workload_account
from vgateway.syncer.kinds.pod.classes import class_limits
from vgateway.syncer.kinds.pod.dns import CLUSTER_DNS, lacks_dns
from vgateway.syncer.kinds.pod.scheduling import unplaced
from vgateway.syncer.kinds.references import claims_of, index_value, references
from vgateway.syncer.kinds.rootca import ROOT_CA
from vgateway.syncer.kinds.wording import words_about
from vgateway.syncer.resources import CONFIGMAPS, PODS, RESOURCECLAIMS, SECRETS, SERVICEACCOUNTS, SERVICES
from vgateway.syncer.steps import IssueTokens, Requeue, Step, Tell
from vgateway.syncer.tokens import renewal_due, secret_without_tokens, token_owner, token_secret_key, token_wants
from vgateway.syncer.view import BY_REFERENCE, BY_WAITING, View
from vgateway.syncer.words import in_virtual_words

# No news may come of the end of an object that is not ours.
TAKEN_SECONDS = 30.0
TOKENS_SUFFIX = "-sa-token"


def missing(virtual: VirtualObj, view: View) -> Iterator[str]:
    """Yield a sentence for everything on its way to the host that is not there yet.

    What the tenant does not have either, or what never goes there, is no reason to wait: the kubelet says so in the
    pod's status.
    """
    yield from class_limits(virtual["spec"], view)
    yield from unplaced(virtual["spec"].get("nodeName"), view)
    if not view.front_address():
        yield f"the host Service {view.settings.service} has no ClusterIP yet"
    if lacks_dns(virtual, view):
        yield f"the Service {CLUSTER_DNS} has no copy on the host yet"
    namespace = virtual["metadata"]["namespace"]
    for resource, name in sorted(references(virtual), key=lambda one: (one[0].plural, one[1])):
        if _crosses(resource, name, view) and _on_its_way(resource, VirtualKey(namespace, name), view):
            yield f"the {resource.kind} {name} has no copy on the host yet"
    if view.settings.sync.to_host.resource_claims.enabled:
        for entry, claim in claims_of(virtual):
            if claim is None:
                yield f"the claim {entry} has not been made of its template yet"
    account = VirtualKey(namespace, virtual["spec"].get("serviceAccountName") or "default")
    if view.settings.sync.to_host.service_accounts.enabled and _on_its_way(SERVICEACCOUNTS, account, view):
        yield f"the ServiceAccount {account.name} has no copy on the host yet"
    if view.names.spread and not view.on_host(SERVICEACCOUNTS, workload_account(namespace, view.names)):
        yield "its namespace on the host has no account for it yet"


def unmet(virtual: VirtualObj, host: HostObj, view: View) -> Iterator[str]:
    """Yield what the host itself says keeps a pod from running, in the tenant's names."""
    known = words_about(PODS, virtual, host, view)
    status = host.get("status") or {}
    for one in status.get("conditions") or ():
        if one.get("type") == "PodScheduled" and one.get("status") == "False":
            yield f"the host's scheduler: {in_virtual_words(one.get('message') or '', view.names, known)}"
    for one in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        waiting = get_path(one, "state.waiting") or {}
        if waiting.get("reason") not in (None, "PodInitializing"):
            said = in_virtual_words(waiting.get("message") or "", view.names, known)
            yield f"the host's node: container {one['name']} waits: {waiting['reason']} {said}".rstrip()


def _crosses(resource: Resource, name: str, view: View) -> bool:
    to_host = view.settings.sync.to_host
    if resource is CONFIGMAPS:
        return to_host.config_maps.enabled or name == ROOT_CA
    if resource is RESOURCECLAIMS:
        return to_host.resource_claims.enabled
    return to_host.secrets.enabled or resource is not SECRETS


def _on_its_way(resource: Resource, key: VirtualKey, view: View) -> bool:
    host = view.names.host_key(key)
    if key.name == ROOT_CA and resource is CONFIGMAPS:
        host = HostKey(view.names.namespace_of(key.namespace), view.names.root_ca)
        return not view.on_host(resource, host) and view.on_virtual(resource, key)
    there = view.host_obj(resource, host)
    if there is None:
        return view.on_virtual(resource, key)
    # Where names meet, the pod would get what belongs to another namespace.
    return owner_of(view.names, resource, there) != key


def needs_wakes(*, accounts: bool, claims: bool) -> tuple[Wake, ...]:
    """Return what wakes pods that wait, and pods whose tokens change; ServiceAccounts and claims may cross or not."""
    return (
        *((Wake(Side.HOST, RESOURCECLAIMS, _referring(RESOURCECLAIMS)),) if claims else ()),
        *((Wake(Side.HOST, SERVICEACCOUNTS, _waiting_for_account),) if accounts else ()),
        Wake(Side.HOST, CONFIGMAPS, _referring(CONFIGMAPS)),
        Wake(Side.HOST, SECRETS, _referring(SECRETS)),
        Wake(Side.HOST, SECRETS, _token_pod),
        Wake(Side.HOST, SERVICES, _waiting_for_service),
    )


def _referring(resource: Resource) -> Callable[[Hint, View], Iterable[VirtualKey]]:
    def keys(hint: Hint, view: View) -> Iterable[VirtualKey]:
        if not hint.came:
            return ()
        if hint.key.name == view.names.root_ca:
            return view.virtual_keys(PODS, BY_WAITING, "")
        owner = owner_of(view.names, resource, HostObj(hint.some))
        return () if owner is None else view.virtual_keys(PODS, BY_REFERENCE, index_value(resource, owner))

    return keys


def _token_pod(hint: Hint, view: View) -> Iterable[VirtualKey]:
    pod = token_owner(view.names, HostObj(hint.some))
    if pod is not None:
        return (pod,)
    # Not ours, or not any more: the pods for whose tokens the name is meant will want to know.
    name = hint.key.name.removesuffix(TOKENS_SUFFIX)
    meant = namesakes(view, name, None) if name != hint.key.name else ()
    return [key for key in meant if view.on_virtual(PODS, key)]


def _waiting_for_service(hint: Hint, view: View) -> Iterable[VirtualKey]:
    needed = (view.settings.service, view.names.host_key(CLUSTER_DNS).name)
    return view.virtual_keys(PODS, BY_WAITING, "") if hint.key.name in needed else ()


def _waiting_for_account(hint: Hint, view: View) -> Iterable[VirtualKey]:
    if hint.came and hint.key.name == view.names.workload_service_account:
        return view.virtual_keys(PODS, BY_WAITING, "")
    account = owner_of(view.names, SERVICEACCOUNTS, HostObj(hint.some)) if hint.came else None
    waiting = view.virtual_keys(PODS, BY_WAITING, "") if account else ()
    return [key for key in waiting if account and key.namespace == account.namespace]


def waiting_values(pod: Obj) -> Iterable[str]:
    """Index the tenant's pods that have no node yet."""
    return () if pod["spec"].get("nodeName") else ("",)


def token_name_taken(virtual: VirtualObj, view: View) -> Tell | None:
    """Return what to tell when the pod needs tokens and the name of their Secret is somebody else's."""
    pod = virtual_key(virtual)
    secret = view.host_obj(SECRETS, token_secret_key(view.names, pod)) if token_wants(virtual) else None
    if secret is None or token_owner(view.names, secret) == pod:
        return None
    return Tell("NameTaken", "the name that its tokens need on the host cluster belongs to an object of somebody else")


def issue_tokens(virtual: VirtualObj, view: View) -> Iterator[Step]:
    """Request the pod's tokens, unless they are there and fresh."""
    wants = token_wants(virtual)
    key = virtual_key(virtual)
    secret = view.host_obj(SECRETS, token_secret_key(view.names, key))
    if not wants:
        yield from drop_tokens(key, view)
        return
    if secret is not None and renewal_due(secret, virtual, wants) > view.now():
        return
    if taken := token_name_taken(virtual, view):
        yield from (taken, Requeue(TAKEN_SECONDS))
        return
    account = str(virtual["spec"].get("serviceAccountName") or "default")
    draft = secret_without_tokens(virtual, key, view)
    yield IssueTokens(key, virtual["metadata"]["uid"], account, wants, draft, uid(secret) if secret else "")


def drop_tokens(pod: VirtualKey, view: View, keep: str = "") -> Iterator[Step]:
    """Remove the Secret that holds a pod's tokens, if it is provably that and not of the pod whose UID is ``keep``."""
    secret = view.host_obj(SECRETS, token_secret_key(view.names, pod))
    if secret is None or annotations(secret).get(OBJECT_UID) == keep:
        return
    if token_owner(view.names, secret) == pod:
        yield delete_host(SECRETS, secret, "its pod needs no tokens")


def renew_tokens(virtual: VirtualObj, view: View) -> Iterator[Step]:
    """Request the tokens anew when their time has come, and be back when it will."""
    wants = token_wants(virtual)
    if (virtual.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return
    yield from issue_tokens(virtual, view)
    secret = view.host_obj(SECRETS, token_secret_key(view.names, virtual_key(virtual)))
    if secret is not None and (due := renewal_due(secret, virtual, wants)) > view.now():
        yield Requeue(due - view.now())
