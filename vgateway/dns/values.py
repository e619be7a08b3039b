"""What the DNS of one virtual cluster is to be, as a value: decided from the configuration, changed by a new one."""

from dataclasses import dataclass

from vgateway.config.coredns import Coredns
from vgateway.config.model import Config
from vgateway.dns.rules import Answer, answers_of
from vgateway.errors import ConfigError

PORT = 1053
"""Where CoreDNS listens: above the ports that only root may have."""


@dataclass(frozen=True, slots=True)
class Dns:
    """All that the Corefile and the objects are made from.

    ``fallbacks`` are the name servers for what the virtual cluster does not have, in order; empty means those of the
    node. ``host_dns`` is the host cluster's name server ("" if nothing asks it), ``finds_host`` whether names of the
    tenant's domain that do not exist are looked for there.
    """

    coredns: Coredns
    domain: str = "cluster.local"
    fallbacks: tuple[str, ...] = ()
    host_dns: str = ""
    host_domain: str = "cluster.local"
    finds_host: bool = False
    answers: tuple[Answer, ...] = ()

    @property
    def in_pods(self) -> bool:
        """Whether CoreDNS runs as pods of the virtual cluster."""
        return self.coredns.enabled and not self.coredns.embedded


OFF = Dns(Coredns(enabled=False))


def dns_of(config: Config, resolver: str) -> Dns:
    """Return what a configuration asks for; ``resolver`` is the text of this process's own ``resolv.conf``.

    Raises ConfigError when the host cluster's DNS is to be asked and is not known.
    """
    found = _dns(config, resolver)
    if needs_host_dns(found) and not found.host_dns:
        raise ConfigError("gateway.hostCluster.dns: needed, for the names of the host cluster are asked for")
    return found


def _dns(config: Config, resolver: str) -> Dns:
    networking, host = config.networking, config.gateway.host_cluster
    fallbacks = networking.advanced.fallbacks
    host_dns = host.dns or first_name_server(resolver)
    servers = [host_dns if one.host_cluster else one.ip or "" for one in fallbacks]
    return Dns(
        coredns=config.control_plane.coredns,
        domain=networking.advanced.cluster_domain,
        fallbacks=tuple(dict.fromkeys(server for server in servers if server)),
        host_dns=host_dns,
        host_domain=host.cluster_domain,
        finds_host=any(one.host_cluster for one in fallbacks),
        answers=answers_of(networking.rules, networking.advanced.cluster_domain, host.cluster_domain),
    )


def needs_host_dns(dns: Dns) -> bool:
    """Say whether something is asked of the host cluster's DNS, so that its address must be known."""
    return dns.coredns.enabled and (dns.finds_host or any(answer.at_host for answer in dns.answers))


def first_name_server(resolver: str) -> str:
    """Return the first name server of a ``resolv.conf``, "" if it has none."""
    lines = (line.split() for line in resolver.splitlines())
    return next((words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"), "")
