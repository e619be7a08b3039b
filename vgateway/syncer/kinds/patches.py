"""From the patches of a configuration to changes of values: expressions, references and labels."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from vgateway.config.patches import Patch as Declared
from vgateway.config.patches import Reference
from vgateway.config.paths import parse_path
from vgateway.errors import ConfigError
from vgateway.kube.objects import Obj, Resource, VirtualKey, metadata
from vgateway.kube.ownership import NAMESPACE_LABEL
from vgateway.syncer.javascript import ExpressionError, JavaScript
from vgateway.syncer.kind import Kind, Side
from vgateway.syncer.kinds.ingress import INGRESSES_REFER, IngressKind
from vgateway.syncer.kinds.persistentvolume import VOLUMES_REFER, VolumeKind
from vgateway.syncer.kinds.pod.scheduling import confined, host_requirements, requirement
from vgateway.syncer.kinds.references import PODS_REFER, Referrer
from vgateway.syncer.kinds.rootca import ROOT_CA
from vgateway.syncer.metadata import host_label_key
from vgateway.syncer.patches import Change, Patch, Patches, PatchFailed, Scene, Where, at_place, places, with_value
from vgateway.syncer.resources import CONFIGMAPS, PODS, PRIORITYCLASSES, SECRETS, STORAGECLASSES
from vgateway.syncer.view import View

Engine = Callable[[], JavaScript]
SELECTOR = frozenset({"matchLabels", "matchExpressions"})
# Kinds that belong to no namespace, and whether the tenant's have a copy of their own on the host.
CLUSTER_SCOPED: Mapping[str, Callable[[View], bool]] = {
    STORAGECLASSES.kind: lambda view: view.settings.sync.to_host.storage_classes.enabled,
    PRIORITYCLASSES.kind: lambda view: view.settings.sync.to_host.priority_classes.enabled,
    **dict.fromkeys(
        ("Node", "IngressClass", "RuntimeClass", "GatewayClass", "VolumeSnapshotClass", "CSIDriver", "Namespace"),
        lambda _view: False,
    ),
}


# Kinds beside pods whose objects refer to others whatever is patched.
BY_THEMSELVES: Sequence[tuple[type[Kind], Referrer]] = ((IngressKind, INGRESSES_REFER), (VolumeKind, VOLUMES_REFER))


def compiled(path: str, declared: Sequence[Declared], to: Side, engine: Engine) -> Patches:
    """Return the patches of a kind that goes ``to`` a side. Raises ConfigError naming the first that makes no sense."""
    return Patches(tuple(_patch(f"{path}.patches.{at}", one, to, engine) for at, one in enumerate(declared)))


def _patch(name: str, one: Declared, to: Side, engine: Engine) -> Patch:
    if to is Side.VIRTUAL and one.expression is None:
        raise ConfigError(f"{name}: what comes from the host takes an expression only")
    if to is Side.VIRTUAL and one.reverse_expression is not None:
        raise ConfigError(f"{name}.reverseExpression: nothing of this kind goes back to the host")
    if to is Side.HOST and one.steps[0] == "status" and one.reverse_expression is None:
        raise ConfigError(f"{name}.path: the status is the host's; only a reverseExpression changes it")
    if one.reference is not None:
        names = partial(_named, reference=one.reference)
        return Patch(name, one.path, one.steps, forward=_reference(one.reference), names=names)
    if one.labels is not None:
        return Patch(name, one.path, one.steps, forward=_labels)
    forward = _expression(f"{name}.expression", one.expression, engine)
    backward = _expression(f"{name}.reverseExpression", one.reverse_expression, engine)
    return Patch(name, one.path, one.steps, forward, backward)


def _expression(name: str, source: str | None, engine: Engine) -> Change | None:
    if source is None:
        return None
    try:
        evaluate = engine().compile(source)
    except ExpressionError as error:
        raise ConfigError(f"{name}: {error}") from error

    def change(value: Any, at: Where, scene: Scene) -> Any:
        try:
            return evaluate(value, lambda: context_of(at, scene))
        except ExpressionError as error:
            raise PatchFailed(f"{name} fails: {error}") from error

    return change


def context_of(at: Where, scene: Scene) -> Obj:
    """Return what an expression knows beside its value."""
    names = scene.view.names
    return {
        "vcluster": {"name": names.virtual_cluster, "namespace": names.host_namespace},
        "virtualObject": scene.virtual,
        "hostObject": scene.host,
        "path": ".".join(str(step) for step in at),
    }


def _labels(value: Any, _at: Where, scene: Scene) -> Any:
    """Translate keys; a selector in the form of Kubernetes' is confined to the tenant's namespace."""
    names, namespace = scene.view.names, metadata(scene.virtual or {}).get("namespace")
    if isinstance(value, str):
        return host_label_key(names, value)
    if not isinstance(value, Mapping):
        return value
    if not value.keys() <= SELECTOR:
        return {host_label_key(names, key): one for key, one in value.items()}
    where = [requirement(NAMESPACE_LABEL, "In", [namespace])] if namespace else []
    return confined(host_requirements(value, names), where, names)


def _reference(reference: Reference) -> Change:
    """Translate a name, unless the kind has done so by itself: then it is no longer the tenant's."""

    def change(value: Any, at: Where, scene: Scene) -> Any:
        if value != at_place(scene.virtual, at):
            return value
        named = _named(value, scene.virtual or {}, reference)
        if named is None:
            return value
        resource, key = named
        if reference.name_path is None:
            return host_name(resource, key, scene.view)
        changed = _put(value, reference.name_path, host_name(resource, key, scene.view))
        host = scene.view.names.host_key(key).namespace
        return _put(changed, reference.namespace_path, host) if reference.namespace_path else changed

    return change


def _put(value: Any, path: str, new: str) -> Any:
    for at in places(value, parse_path(path)):
        value = with_value(value, at, new)
    return value


def _named(value: Any, obj: Mapping[str, Any], reference: Reference) -> tuple[str, VirtualKey] | None:
    """Return the kind and the key that a value names, None if it names nothing."""
    kind, name = reference.kind or _read(value, reference.kind_path), _read(value, reference.name_path)
    namespace = _read(value, reference.namespace_path) if reference.namespace_path else None
    if not (isinstance(kind, str) and isinstance(name, str) and kind and name):
        return None
    return kind, VirtualKey(str(namespace or metadata(obj).get("namespace") or ""), name)


def _read(value: Any, path: str | None) -> Any:
    if path is None:
        return value
    return next((at_place(value, at) for at in places(value, parse_path(path))), None)


def host_name(kind: str, key: VirtualKey, view: View) -> str:
    """Return what the host calls an object of the tenant's."""
    if kind in CLUSTER_SCOPED:
        return view.names.cluster_name(key.name) if CLUSTER_SCOPED[kind](view) else key.name
    if kind == CONFIGMAPS.kind and key.name == ROOT_CA:
        return view.names.root_ca
    return view.names.host_key(key).name


def referrers(kinds: Iterable[Kind]) -> tuple[Referrer, ...]:
    """Return everything of the tenant's that refers to Secrets and ConfigMaps, one for each resource."""
    found: dict[Resource, Referrer] = {PODS: PODS_REFER}
    for kind in kinds:
        own = [referrer for of, referrer in BY_THEMSELVES if isinstance(kind, of)]
        for one in [*own, *([_of_patches(kind)] if any(patch.names for patch in kind.patches.each) else [])]:
            found[one.resource] = _both(found[one.resource], one) if one.resource in found else one
    return tuple(found.values())


def _of_patches(kind: Kind) -> Referrer:
    wanted = {one.kind: one for one in (SECRETS, CONFIGMAPS)}

    def refers(obj: Obj) -> Iterable[tuple[Resource, VirtualKey]]:
        return [(wanted[named], key) for named, key in kind.patches.referred(obj) if named in wanted]

    return Referrer(kind.resource, refers)


def _both(one: Referrer, other: Referrer) -> Referrer:
    return Referrer(one.resource, lambda obj: [*one.refers(obj), *other.refers(obj)])
