"""Rules of replication that cannot be: a name that is somebody else's for good, and copies of copies without end."""

from collections.abc import Iterator, Mapping, Sequence

from vgateway.dns.manifests import KUBE_DNS
from vgateway.kube.names import Names
from vgateway.kube.objects import VirtualKey
from vgateway.syncer.kinds.kubernetes import KUBERNETES
from vgateway.syncer.kinds.replica.copies import Replication

# A Service: its namespace and name, and whether it is the host's.
Service = tuple[str, str, bool]


def impossible(
    from_host: Sequence[Replication], to_host: Sequence[Replication], names: Names, front: str
) -> Iterator[tuple[str, str]]:
    """Yield (rule, what is wrong with it), a rule by its path; ``front`` is the Service in front of the gateway."""
    reserved = {KUBERNETES: "the tenant's API has that name", KUBE_DNS: "the virtual cluster's DNS has that name"}
    inward = [_of_rule(rule, names) for rule in from_host]
    outward = [_of_rule(rule, names)[::-1] for rule in to_host]
    leads: dict[Service, list[Service]] = {}
    for source, target in (*inward, *outward):
        leads.setdefault(source, []).append(target)
    for number, (rule, (source, target)) in enumerate(zip(from_host, inward, strict=True)):
        if rule.virtual in reserved:
            yield f"fromHost.{number}", reserved[rule.virtual]
        elif _comes_back(target, source, leads, names):
            yield f"fromHost.{number}", "it leads back to where it comes from"
    for number, (rule, (source, target)) in enumerate(zip(to_host, outward, strict=True)):
        if rule.host.name == front:
            yield f"toHost.{number}", "the Service in front of the gateway has that name"
        elif target == _twin(rule.virtual, names):
            yield f"toHost.{number}", "it names itself: the Service's own copy has that name"
        elif _comes_back(target, source, leads, names):
            yield f"toHost.{number}", "it leads back to where it comes from"


def _of_rule(rule: Replication, names: Names) -> tuple[Service, Service]:
    """Return the host's Service and the tenant's."""
    host = (rule.host.namespace or names.host_namespace, rule.host.name, True)
    return host, (rule.virtual.namespace, rule.virtual.name, False)


def _twin(key: VirtualKey, names: Names) -> Service:
    """Return the copy that every Service of the tenant has on the host."""
    where = names.host_key(key)
    return where.namespace, where.name, True


def _comes_back(begin: Service, end: Service, leads: Mapping[Service, Sequence[Service]], names: Names) -> bool:
    """Say whether what is copied to ``begin`` ends, by whatever is copied on from there, where it came from."""
    waiting, known = [begin], set[Service]()
    while waiting:
        now = waiting.pop()
        if now == end:
            return True
        if now in known:
            continue
        known.add(now)
        waiting += leads.get(now, ())
        namespace, name, on_host = now
        if not on_host:
            waiting.append(_twin(VirtualKey(namespace, name), names))
    return False
