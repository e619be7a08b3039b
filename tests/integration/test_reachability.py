"""What the host's policies allow is what the tenants' do: computed by Cyclonus from either, for hundreds of cases.

A connection between pods of one tenant is allowed on the host exactly if it is in the tenant's own cluster. Another
tenant's pod is to each like any address outside: no selector means it, only rules without peers and address blocks do.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import permutations, product
from random import Random
from typing import Any

from tests.support.cyclonus import Connection, End, Port, allowed
from tests.support.reachability import Pod, Tenant
from vgateway.config.isolation import NetworkPolicy
from vgateway.kube.names import Names
from vgateway.kube.namespaces import Namespaces
from vgateway.kube.objects import Obj

RANDOM_CASES = 201
PORTS = (Port(80, "http"), Port(8080, "alt"), Port(53, "dns", "UDP"))
OUTSIDE = End("203.0.113.9")
EVERYWHERE = Namespaces((("*", "${name}-*"),))
# What may go wrong: our own marks as the tenant's labels, the other tenant's name as their values.
NAMESPACES = ("default", "kube-system", "a", "b-x-c")
POD_KEYS = ("app", "tier", "release", "vcluster.loft.sh/namespace", "vcluster.loft.sh/managed-by")
NAMESPACE_KEYS = ("env", "team", "release", "kubernetes.io/metadata.name")
VALUES = ("x", "y", "a", "default", "vc-one", "vc-two")
BLOCKS = ("10.1.0.0/24", "10.1.0.0/29", "10.2.0.0/24", "203.0.113.0/24", "0.0.0.0/0")


@dataclass(frozen=True)
class Case:
    """Two tenants side by side."""

    one: Tenant
    two: Tenant

    @property
    def tenants(self) -> tuple[Tenant, Tenant]:
        return self.one, self.two

    def host_policies(self) -> list[Obj]:
        return [policy for tenant in self.tenants for policy in tenant.host_policies()]


Chooser = Callable[[], Mapping[str, str]]


def layout(number: int) -> tuple[Names, Names]:
    """Return how two tenants share a host: in one namespace, in two, or with one for each of their own."""
    match number % 3:
        case 0:
            return Names("vc-one", f"host-{number}"), Names("vc-two", f"host-{number}")
        case 1:
            return Names("vc-one", f"one-{number}"), Names("vc-one", f"two-{number}")
        case _:
            one, two = f"one-{number}", f"two-{number}"
            return Names(one, f"host-{one}", EVERYWHERE), Names(two, f"host-{two}", EVERYWHERE)


class Imagined:
    """A case by chance; the same seed gives the same."""

    def __init__(self, seed: int) -> None:
        self._chance = Random(seed)

    def case(self, number: int) -> Case:
        one, two = layout(number)
        return Case(self._tenant(one, f"v{number}-1", "10.1.0"), self._tenant(two, f"v{number}-2", "10.2.0"))

    def _tenant(self, names: Names, world: str, network: str) -> Tenant:
        namespaces = {name: self._labels(NAMESPACE_KEYS[:3]) for name in self._chance.sample(NAMESPACES, 3)}
        pods = tuple(
            Pod(self._chance.choice(list(namespaces)), f"pod-{at}", self._labels(POD_KEYS), f"{network}.{at * 3 + 1}")
            for at in range(4)
        )
        specs = (self._spec() for _ in range(self._chance.randint(1, 4)))
        policies = tuple((self._chance.choice(list(namespaces)), spec) for spec in specs)
        return Tenant(names, world, namespaces, pods, policies)

    def _labels(self, keys: tuple[str, ...]) -> dict[str, str]:
        chosen = self._chance.sample(keys, self._chance.randint(0, 3))
        return {key: self._chance.choice(VALUES) for key in chosen}

    def _spec(self) -> Obj:
        types = self._chance.choice((["Ingress"], ["Egress"], ["Ingress", "Egress"]))
        found: Obj = {"podSelector": self._selector(POD_KEYS), "policyTypes": types}
        for kind, direction, peers in (("Ingress", "ingress", "from"), ("Egress", "egress", "to")):
            if kind in types:
                found[direction] = [self._rule(peers) for _ in range(self._chance.randint(0, 3))]
        return found

    def _rule(self, peers: str) -> Obj:
        rule: Obj = {}
        if self._chance.random() < 0.85:
            rule[peers] = [self._peer() for _ in range(self._chance.randint(1, 2))]
        if self._chance.random() < 0.5:
            rule["ports"] = [self._port() for _ in range(self._chance.randint(1, 2))]
        return rule

    def _peer(self) -> Obj:
        match self._chance.randint(0, 5):
            case 0:
                return {"ipBlock": {"cidr": self._chance.choice(BLOCKS)}}
            case 1:
                return {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/29", "10.2.0.0/24"]}}
            case 2:
                return {"namespaceSelector": self._selector(NAMESPACE_KEYS)}
            case 3:
                both = self._selector(NAMESPACE_KEYS), self._selector(POD_KEYS)
                return {"namespaceSelector": both[0], "podSelector": both[1]}
            case _:
                return {"podSelector": self._selector(POD_KEYS)}

    def _port(self) -> Obj:
        return self._chance.choice(
            (
                {"protocol": "TCP", "port": 80},
                {"protocol": "TCP", "port": "alt"},
                {"protocol": "TCP", "port": 79, "endPort": 90},
                {"protocol": "UDP", "port": 53},
                {"protocol": "TCP"},
            )
        )

    def _selector(self, keys: tuple[str, ...]) -> Obj:
        found: Obj = {}
        if self._chance.random() < 0.4:
            found["matchLabels"] = {self._chance.choice(keys): self._chance.choice(VALUES)}
        if self._chance.random() < 0.3:
            found["matchExpressions"] = [self._expression(self._chance.choice(keys))]
        return found

    def _expression(self, key: str) -> Obj:
        operator = self._chance.choice(("In", "NotIn", "Exists", "DoesNotExist"))
        values = {"values": self._chance.sample(VALUES, 2)} if operator in ("In", "NotIn") else {}
        return {"key": key, "operator": operator, **values}


def by_hand() -> Iterator[tuple[str, Mapping[str, Mapping[str, str]], list[tuple[str, Obj]]]]:
    """Yield (what it is, namespaces, policies) that everybody writes sooner or later."""
    two = {"default": {}, "a": {"env": "prod"}}
    web, db = {"matchLabels": {"app": "x"}}, {"matchLabels": {"app": "y"}}
    yield "nothing is selected", two, []
    yield "deny all", two, [("default", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})]
    yield "allow all", two, [("default", {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]})]
    only = {"from": [{"podSelector": web}], "ports": [{"protocol": "TCP", "port": 80}]}
    yield "web to db", two, [("default", {"podSelector": db, "policyTypes": ["Ingress"], "ingress": [only]})]
    prod = {"from": [{"namespaceSelector": {"matchLabels": {"env": "prod"}}}]}
    yield "from prod", two, [("default", {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [prod]})]
    named = {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "a"}}}]}
    yield "to a by name", two, [("default", {"podSelector": {}, "policyTypes": ["Egress"], "egress": [named]})]
    block = {"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}]}
    yield "only outside", two, [("default", {"podSelector": {}, "policyTypes": ["Egress"], "egress": [block]})]
    forged = {"matchLabels": {"vcluster.loft.sh/managed-by": "vc-two"}}
    rule = {"from": [{"podSelector": forged}]}
    yield "posing as another", two, [("default", {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [rule]})]


def hand_picked(first: int) -> Iterator[Case]:
    """Yield each of them under each layout."""
    labels = ({"app": "x"}, {"app": "y"}, {"vcluster.loft.sh/managed-by": "vc-two"})
    for number, ((_, namespaces, policies), way) in enumerate(product(by_hand(), range(3)), start=first // 3 + 1):
        names = layout(number * 3 + way)
        tenants = []
        for position, own in enumerate(names, start=1):
            places = enumerate(product(namespaces, labels))
            pods = tuple(Pod(ns, f"pod-{at}", mine, f"10.{position}.0.{at + 1}") for at, (ns, mine) in places)
            world = f"h{number}-{way}-{position}"
            tenants.append(Tenant(own, world, namespaces, pods, tuple(policies)))
        yield Case(*tenants)


def own_pairs(tenant: Tenant) -> Iterator[tuple[Connection, Connection]]:
    """Yield (as the tenant sees it, as the host does) of every connection of one tenant, and with the world."""
    for (source, destination), port in product(permutations(tenant.pods, 2), PORTS):
        virtual = Connection(tenant.virtual_end(source), tenant.virtual_end(destination), port)
        yield virtual, Connection(tenant.host_end(source), tenant.host_end(destination), port)
    for pod in tenant.pods:
        ends = tenant.virtual_end(pod), tenant.host_end(pod)
        yield tuple(Connection(one, OUTSIDE, PORTS[0]) for one in ends)  # type: ignore[misc]  # two of them
        yield tuple(Connection(OUTSIDE, one, PORTS[0]) for one in ends)  # type: ignore[misc]  # two of them


def foreign_pairs(case: Case) -> Iterator[tuple[Connection, Connection, Connection]]:
    """Yield (as its sender's tenant sees it, as its receiver's, as the host) of connections between the tenants."""
    for mine, yours in permutations(case.tenants):
        for source, destination in product(mine.pods[::2], yours.pods[::2]):
            sent = Connection(mine.virtual_end(source), destination.outside, PORTS[0])
            received = Connection(source.outside, yours.virtual_end(destination), PORTS[0])
            yield sent, received, Connection(mine.host_end(source), yours.host_end(destination), PORTS[0])


def test_a_host_allows_exactly_what_the_tenants_policies_do() -> None:
    chance = Imagined(seed=20)
    cases = [chance.case(number) for number in range(RANDOM_CASES)]
    cases += hand_picked(RANDOM_CASES)
    policies = [policy for case in cases for policy in case.host_policies()]
    policies += [policy for case in cases for tenant in case.tenants for policy in tenant.virtual_policies()]
    own = [pair for case in cases for tenant in case.tenants for pair in own_pairs(tenant)]
    foreign = [three for case in cases for three in foreign_pairs(case)]

    asked = [one for pair in own for one in pair] + [one for three in foreign for one in three]
    answers = dict(zip(map(id, asked), allowed(policies, asked), strict=True))

    wrong = [pair for pair in own if answers[id(pair[0])] != answers[id(pair[1])]]
    assert not wrong, f"{len(wrong)} of {len(own)}, first: {wrong[0]}"
    mixed = [three for three in foreign if answers[id(three[2])] != (answers[id(three[0])] and answers[id(three[1])])]
    assert not mixed, f"{len(mixed)} of {len(foreign)}, first: {mixed[0]}"
    # Policies that allowed nothing, or everything, would prove nothing.
    shares = [
        sum(answers[id(pair[0])] for pair in own) / len(own),
        sum(answers[id(t[2])] for t in foreign) / len(foreign),
    ]
    assert all(0.1 < share < 0.9 for share in shares), shares


def test_an_isolated_virtual_cluster_is_reached_by_its_own_and_reaches_what_is_public() -> None:
    asked: list[tuple[Connection, bool]] = []
    policies: list[Obj] = []
    rule: dict[str, Any] = {"from": [{"podSelector": {"matchLabels": {"app": "ingress"}}}], "ports": [{"port": 80}]}
    additions = NetworkPolicy.model_validate({"enabled": True, "workload": {"ingress": [rule]}})
    plain = NetworkPolicy.model_validate({"enabled": True})
    for number in range(3):
        (first, second), chance = layout(number), Imagined(number).case(number)
        one, two = (
            replace(tenant, names=names, policies=())
            for tenant, names in zip(chance.tenants, (first, second), strict=True)
        )
        policies += [*one.isolation(additions), *two.isolation(plain)]
        asked += isolated(one, two)
    answers = allowed(policies, [connection for connection, _ in asked])
    wrong = [one for one, answer in zip(asked, answers, strict=True) if one[1] is not answer]
    assert not wrong, f"{len(wrong)} of {len(asked)}, first: {wrong[0]}"


def isolated(one: Tenant, two: Tenant) -> Iterator[tuple[Connection, bool]]:
    """Yield connections and whether they may be: the first tenant's pods may be reached by pods labelled ingress."""
    http, front = PORTS[0], Port(8443, "https")
    own, neighbour = one.names.host_namespace, {"kubernetes.io/metadata.name": one.names.host_namespace}
    gateway = End("10.0.0.8", own, neighbour, {"app": "vcluster", "release": one.names.virtual_cluster})
    router = End("10.0.0.9", one.names.namespace_of(one.pods[0].namespace), {}, {"app": "ingress"})
    stranger = End("10.0.0.7", "elsewhere", {}, {"app": "ingress"})
    for source, destination in permutations(map(one.host_end, one.pods), 2):
        yield Connection(source, destination, http), True
    for mine, yours in product(map(one.host_end, one.pods), map(two.host_end, two.pods)):
        yield Connection(mine, yours, http), False
        yield Connection(yours, mine, http), False
    for pod in map(one.host_end, one.pods):
        yield Connection(pod, OUTSIDE, http), True
        yield Connection(pod, End("10.9.9.9"), http), False
        yield Connection(OUTSIDE, pod, http), False
        yield Connection(pod, gateway, front), True
        yield Connection(pod, gateway, Port(9440)), False
        yield Connection(gateway, pod, http), True
        yield Connection(stranger, pod, http), False
        # A peer without a namespace selector means the policy's own namespace.
        yield Connection(router, pod, http), router.namespace == pod.namespace
    for pod in map(two.host_end, two.pods):
        yield Connection(pod, gateway, front), False
        yield Connection(router, pod, http), False
    yield Connection(OUTSIDE, gateway, front), True
    yield Connection(OUTSIDE, gateway, http), False
