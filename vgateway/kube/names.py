"""Names of the tenant's objects on the host: vCluster's formulas, so that its dashboards and policies move over.

Two strategies: one host namespace for all, with names that say where an object comes from, or one for each virtual
namespace, with the names as they are. What follows is about the first.

A host name is at most 63 characters. What does not fit keeps its first 52 and gets 10 hexadecimal digits of the
SHA-256 of the whole. The way back from a host name is never computed: it is read from the owner annotations.

The formula is ambiguous where a name or namespace holds ``-x-``: ``a`` in ``b-x-c`` and ``a-x-b`` in ``c`` share a
host name. Whoever comes second finds an object that is not its twin (``ownership.is_twin``) and must leave it alone.
"""

import hashlib
from dataclasses import dataclass

from vgateway.kube.namespaces import Namespaces
from vgateway.kube.objects import HostKey, VirtualKey

MAX_NAME = 63
# In the pattern of a host namespace.
CLUSTER_NAME = "${name}"
KEPT = 52
DIGEST = 10


def safe_concat(*parts: str) -> str:
    """Join with "-"; beyond 63 characters keep 52 and a digest of the whole, and never leave ".-" behind."""
    joined = "-".join(parts)
    if len(joined) <= MAX_NAME:
        return joined
    digest = hashlib.sha256(joined.encode()).hexdigest()[:DIGEST]
    return f"{joined[:KEPT]}-{digest}".replace(".-", "-")


def short_hash(text: str) -> str:
    """Return the 10 hexadecimal digits by which renamed label keys are told apart."""
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST]


@dataclass(frozen=True, slots=True)
class Names:
    """The translation of one virtual cluster into its host namespace, or with ``spread`` into one per virtual one.

    ``host_namespace`` is the virtual cluster's own in either case: the gateway itself is there.
    """

    virtual_cluster: str
    host_namespace: str
    spread: Namespaces | None = None

    def host_key(self, key: VirtualKey) -> HostKey:
        """Say where the twin of an object lives; that of a cluster-scoped one belongs to no namespace either."""
        if not key.namespace:
            return HostKey("", self.cluster_name(key.name))
        return HostKey(self.namespace_of(key.namespace), self.host_name(key.name, key.namespace))

    def host_name(self, name: str, namespace: str) -> str:
        """Translate the name of a namespaced object; in a host namespace of its own it keeps it."""
        return name if self.spread else safe_concat(name, "x", namespace, "x", self.virtual_cluster)

    def namespace_of(self, namespace: str) -> str:
        """Return the host namespace of a virtual one, "" if nothing in it crosses."""
        if self.spread is None:
            return self.host_namespace
        found = self.spread.host_namespace(namespace, self.cluster_name(namespace))
        return found.replace(CLUSTER_NAME, self.virtual_cluster)

    def cluster_name(self, name: str) -> str:
        """Translate the name of a cluster-scoped object that the tenant brings to the host."""
        return safe_concat("vcluster", name, "x", self.host_namespace, "x", self.virtual_cluster)

    @property
    def marker(self) -> str:
        """The owner label's value on namespaced host objects; it must be unique where they are watched."""
        return self.cluster_marker if self.spread else self.virtual_cluster

    @property
    def cluster_marker(self) -> str:
        """The owner label's value on cluster-scoped host objects."""
        return safe_concat(self.host_namespace, "x", self.virtual_cluster)

    @property
    def root_ca(self) -> str:
        """The host ConfigMap that carries the tenant's ``kube-root-ca.crt``, the same for all its namespaces."""
        return safe_concat("vcluster", "kube-root-ca.crt", "x", self.virtual_cluster)

    @property
    def workload_service_account(self) -> str:
        """The host ServiceAccount that the tenant's pods run under; it has no rights and mounts no token."""
        return safe_concat("vc-workload", self.virtual_cluster)
