"""``networking.resolveServices``: names that the virtual cluster's DNS answers with something else's address.

A rule has one source and one target; no two rules may speak of the same name, and no target of a rule may be a name
that a rule speaks of. So the order of rules means nothing, and there is never a loop.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from vgateway.config.base import DNS_LABEL, Section
from vgateway.config.patterns import Pattern, hostname, pattern_of, pattern_of_namespace, pattern_of_service

NAMESPACED = rf"{DNS_LABEL[:-1]}/{DNS_LABEL[1:]}"
TWICE_NAMESPACED = rf"{DNS_LABEL[:-1]}/{DNS_LABEL[1:-1]}/{DNS_LABEL[1:-1]}/{DNS_LABEL[1:]}"


def _ip(text: str) -> str:
    ip_address(text)
    return text


Hostname = Annotated[str, AfterValidator(hostname)]
Ip = Annotated[str, AfterValidator(_ip)]
ServiceName = Annotated[str, Field(pattern=NAMESPACED)]
NamespaceName = Annotated[str, Field(pattern=DNS_LABEL)]
VirtualServiceName = Annotated[str, Field(pattern=TWICE_NAMESPACED)]


class _OneOf(Section):
    """A section of which exactly one key is given."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            spelled = ", ".join(str(field.alias) for field in type(self).model_fields.values())
            raise ValueError(f"exactly one of {spelled} is expected")
        return self


class VirtualTarget(Section):
    """A Service of another virtual cluster of this host."""

    service: VirtualServiceName
    """``hostNamespace/virtualCluster/namespace/name``: where that virtual cluster is, and its Service."""


class HostTarget(_OneOf):
    """Something of the host cluster's."""

    service: ServiceName | None = None
    """``namespace/name`` of a Service of the host."""
    namespace: NamespaceName | None = None
    """A namespace of the host, for a rule about a namespace."""


class ExternalTarget(_OneOf):
    """Something outside both clusters."""

    hostname: Hostname | None = None
    """A name that this DNS resolves as it resolves any other."""
    ip: Ip | None = None
    """An address."""


class ResolveTarget(_OneOf):
    """What a name is answered with."""

    hostname: Hostname | None = None
    """As ``external.hostname``; a ``*`` takes what that of the source stands for."""
    ip: Ip | None = None
    """As ``external.ip``."""
    host_service: ServiceName | None = None
    """As ``host.service``."""
    host_namespace: NamespaceName | None = None
    """As ``host.namespace``."""
    v_cluster_service: VirtualServiceName | None = None
    """As ``vcluster.service``."""
    vcluster: VirtualTarget | None = None
    """Something of another virtual cluster's."""
    host: HostTarget | None = None
    """Something of the host cluster's."""
    external: ExternalTarget | None = None
    """Something outside both clusters."""


GoalKind = Literal["hostname", "ip", "service", "namespace", "virtual"]


@dataclass(frozen=True, slots=True)
class Goal:
    """A target in one spelling; ``service`` and ``namespace`` are the host's, ``virtual`` is another tenant's."""

    kind: GoalKind
    text: str


class ResolveRule(Section):
    """One rule: names, and what they are answered with."""

    hostname: Hostname | None = None
    """A full name; ``*.`` in front or ``.*`` at the end stands for one label or more."""
    service: ServiceName | None = None
    """``namespace/name``: a Service's names, whether or not the tenant has such a Service."""
    namespace: NamespaceName | None = None
    """Every Service's name in a namespace; the target must be a namespace of the host."""
    target: ResolveTarget

    @model_validator(mode="after")
    def _fits(self) -> Self:
        given = [text for text in (self.hostname, self.service, self.namespace) if text is not None]
        if len(given) != 1:
            raise ValueError("exactly one of hostname, service, namespace is expected")
        goal = self.goal
        if (goal.kind == "namespace") != (self.namespace is not None):
            raise ValueError("a namespace is answered with a namespace of the host, and nothing else is")
        if goal.kind == "hostname" and "*" in goal.text and "*" not in (self.hostname or ""):
            raise ValueError("the target has a * that nothing stands for")
        if "*" in goal.text and goal.text.startswith("*") != (self.hostname or "").startswith("*"):
            raise ValueError("the * of the target must be at the same end as that of the source")
        return self

    @property
    def goal(self) -> Goal:
        """The target in one spelling."""
        target = self.target
        virtual = target.vcluster.service if target.vcluster else target.v_cluster_service
        host, external = target.host, target.external
        spelled: tuple[tuple[GoalKind, str | None], ...] = (
            ("virtual", virtual),
            ("service", host.service if host else target.host_service),
            ("namespace", host.namespace if host else target.host_namespace),
            ("hostname", external.hostname if external else target.hostname),
            ("ip", external.ip if external else target.ip),
        )
        return next(Goal(kind, text) for kind, text in spelled if text is not None)

    def source(self, domain: str) -> Pattern:
        """Return the names that the rule is about, in a virtual cluster of this domain."""
        if self.service is not None:
            return pattern_of_service(self.service, domain)
        if self.namespace is not None:
            return pattern_of_namespace(self.namespace, domain)
        return pattern_of(self.hostname or "")


def conflicts(rules: Sequence[ResolveRule], domain: str, own: str) -> Iterator[tuple[int, str]]:
    """Yield (index of the rule, what is wrong) for rules that contradict each other.

    ``own`` is ``hostNamespace/virtualCluster`` of the virtual cluster itself.
    """
    sources = [rule.source(domain) for rule in rules]
    for index, rule in enumerate(rules):
        for before in range(index):
            if sources[index].meets(sources[before]):
                yield index, f"it is about names that rule {before} is about"
        if rule.goal.kind == "hostname":
            wanted = pattern_of(rule.goal.text, deep=rule.service is not None)
            for other, source in enumerate(sources):
                if wanted.meets(source):
                    yield index, "it names itself" if other == index else f"its target is a name of rule {other}"
        if rule.service is not None and rule.goal == Goal("virtual", f"{own}/{rule.service}"):
            yield index, "it names itself"
