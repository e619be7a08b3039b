"""The kinds that a configuration asks for, and the host rights that follow from them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from vgateway.config.base import NotYet, Section
from vgateway.config.model import Config
from vgateway.config.policies import Policies
from vgateway.config.sync import Sync
from vgateway.errors import ConfigError
from vgateway.syncer.kind import Kind
from vgateway.syncer.kinds.configmap import ConfigMapKind
from vgateway.syncer.kinds.endpoints import KubernetesEndpointsKind, KubernetesSliceKind
from vgateway.syncer.kinds.kubernetes import KubernetesServiceKind
from vgateway.syncer.kinds.namespace import PodSecurityKind
from vgateway.syncer.kinds.node import NodeKind
from vgateway.syncer.kinds.pod import PodKind
from vgateway.syncer.kinds.rootca import RootCaKind
from vgateway.syncer.kinds.secret import SecretKind
from vgateway.syncer.kinds.service import ServiceKind

Made = Callable[[], Kind]

# What every virtual cluster needs, whatever is switched.
ALWAYS: tuple[Made, ...] = (RootCaKind, KubernetesServiceKind, KubernetesEndpointsKind, KubernetesSliceKind, NodeKind)
# What each switch of the configuration brings, by its name in the section's model. A switch that is missing here and
# turned on is refused as not supported yet.
TO_HOST: Mapping[str, tuple[Made, ...]] = {
    "pods": (PodKind,),
    "config_maps": (ConfigMapKind,),
    "secrets": (SecretKind,),
    "services": (ServiceKind,),
}
FROM_HOST: Mapping[str, tuple[Made, ...]] = {}
SIDES = (("to_host", "toHost", TO_HOST), ("from_host", "fromHost", FROM_HOST))


def kinds_for(config: Config) -> tuple[Kind, ...]:
    """Return the kinds that a configuration switches on. Raises ConfigError for one that is not supported yet."""
    wrong = unsupported(config.sync)
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise ConfigError(f"{wrong[0]}{more}")
    return select(config.sync, config.policies)


def select(sync: Sync, policies: Policies) -> tuple[Kind, ...]:
    """Return the kinds that are switched on."""
    made = [make for _, name, _, kinds in _switches(sync) for make in kinds.get(name, ())]
    if policies.pod_security_standard:
        made.append(PodSecurityKind)
    # Two switches may bring the same kind.
    return tuple(make() for make in dict.fromkeys((*made, *ALWAYS)))


def unsupported(sync: Sync) -> list[str]:
    """Return a line for every switch that was turned on by hand and has nothing behind it yet."""
    return [
        f"{path}: not supported yet"
        for path, name, switch, kinds in _switches(sync)
        if name not in kinds and "enabled" in switch.model_fields_set
    ]


def _switches(sync: Sync) -> Iterator[tuple[str, str, Section, Mapping[str, tuple[Made, ...]]]]:
    """Yield (path, name, switch, what its side offers) of everything that is on."""
    for side, spelled, kinds in SIDES:
        section: Section = getattr(sync, side)
        for name, field in type(section).model_fields.items():
            switch = getattr(section, name)
            if not isinstance(switch, NotYet) and switch.enabled is True:
                yield f"sync.{spelled}.{field.alias}", name, switch, kinds


KINDS = select(Sync(), Policies())
"""The kinds of a configuration that says nothing about them."""


def host_role_rules(kinds: Sequence[Kind]) -> list[dict[str, Any]]:
    """Return the rules of the one namespaced Role that the kinds need on the host."""
    return _rules(kinds, namespaced=True)


def host_cluster_rules(kinds: Sequence[Kind]) -> list[dict[str, Any]]:
    """Return the rules of the ClusterRole that the kinds need on the host; empty as long as a Role is enough."""
    return _rules(kinds, namespaced=False)


def _rules(kinds: Iterable[Kind], *, namespaced: bool) -> list[dict[str, Any]]:
    verbs: dict[tuple[str, str], set[str]] = {}
    for kind in kinds:
        for resource, rights in kind.host_rights.items():
            for subresource, allowed in rights.items() if resource.namespaced is namespaced else ():
                name = f"{resource.plural}/{subresource}" if subresource else resource.plural
                verbs.setdefault((resource.group, name), set()).update(allowed)
    return [
        {"apiGroups": [group], "resources": [name], "verbs": sorted(allowed)}
        for (group, name), allowed in sorted(verbs.items())
    ]
