"""The Corefile, written from values. Pure: the same values give the same text.

Rules about Services and namespaces are server blocks for their zones, which CoreDNS finds by the labels of a name;
rules about host names are blocks of the root zone that a ``view`` opens for those names only. So a query that no rule
is about pays next to nothing for any number of rules.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from vgateway.dns.rules import Answer
from vgateway.dns.values import PORT, Dns

TTL = 5
"""Seconds that an answer about either cluster may be kept; a moved endpoint is seen by then."""
OTHERS_TTL = 30
"""Seconds at most that an answer of anybody else is kept."""
HOST_NAMES_PORT = 1054
"""Where names of the tenant's domain become the host's, if the domains differ; on loopback only."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where CoreDNS finds things: beside a gateway another place than in a pod."""

    node_hosts: str = "/etc/coredns/NodeHosts"
    custom: str = "/etc/coredns/custom/*.server"
    resolver: str = "/etc/resolv.conf"
    address: str = ""
    kubeconfig: str = ""


IN_POD = Surroundings()


def corefile(dns: Dns, around: Surroundings = IN_POD) -> str:
    """Return the whole Corefile."""
    if dns.coredns.overwrite_config:
        return dns.coredns.overwrite_config
    parts = [*_rule_blocks(dns, around), *_host_names(dns), _main(dns, around)]
    if dns.coredns.servers:
        parts.append(dns.coredns.servers)
    if around.custom:
        parts.append(f"import {around.custom}")
    return "\n".join(part.rstrip() + "\n" for part in parts)


def _main(dns: Dns, around: Surroundings) -> str:
    at = around.address
    through = f"in-addr.arpa ip6.arpa{f' {dns.domain}' if dns.finds_host else ''}"
    own = [f"kubeconfig {around.kubeconfig}"] if around.kubeconfig else []
    lines = [
        *_bind(at),
        "errors",
        *_nested(f"health {at}:8080", ["lameduck 5s"]),
        f"ready {at}:8181",
        *_nested(
            f"kubernetes {dns.domain} in-addr.arpa ip6.arpa",
            [*own, "pods insecure", f"ttl {TTL}", f"fallthrough {through}"],
        ),
        *_nested(f"hosts {around.node_hosts}", [f"ttl {TTL}", "reload 5s", "fallthrough"]),
        f"prometheus {at}:9153",
        *_fallbacks(dns, around),
        f"cache {OTHERS_TTL}",
        "loop",
        "reload 2s 1s",
        "loadbalance",
    ]
    return _block(f".:{PORT}", lines)


def _fallbacks(dns: Dns, around: Surroundings) -> Iterator[str]:
    """Yield where other names are asked: each server when those before fail, or do not know the name."""
    if dns.finds_host:
        there = dns.host_dns if dns.domain == dns.host_domain else f"127.0.0.1:{HOST_NAMES_PORT}"
        yield f"forward {dns.domain} {there}"
    if not dns.fallbacks:
        yield f"forward . {around.resolver}"
    for index in range(len(dns.fallbacks)):
        rest = dns.fallbacks[index:]
        yield from _nested(
            f"forward . {' '.join(rest)}", ["policy sequential", *(["next NXDOMAIN"] if rest[1:] else [])]
        )


def _host_names(dns: Dns) -> Iterator[str]:
    """Yield the block that looks for a name of the tenant's domain in the host's."""
    if dns.finds_host and dns.domain != dns.host_domain:
        rename = f"rewrite stop name suffix .svc.{dns.domain}. .svc.{dns.host_domain}. answer auto"
        lines = ["bind 127.0.0.1", "errors", rename, f"forward . {dns.host_dns}"]
        yield _block(f"{dns.domain}:{HOST_NAMES_PORT}", lines)


def _rule_blocks(dns: Dns, around: Surroundings) -> Iterator[str]:
    """Yield the blocks of the rules: of zones and of host names, by where the answer comes from."""
    zones = [answer for answer in dns.answers if answer.zone]
    names = [answer for answer in dns.answers if not answer.zone]
    for ours, head in ((zones, _zones), (names, _view)):
        for picked, tail in (
            ([one for one in ours if one.at_host], lambda _: _from_host(dns)),
            ([one for one in ours if one.name and not one.at_host], lambda _: _from_ourselves(around)),
            ([one for one in ours if one.ip], _addresses),
        ):
            if picked:
                yield _rule_block(picked, around, head, tail)


def _rule_block(
    answers: Sequence[Answer],
    around: Surroundings,
    head: Callable[[Sequence[Answer]], tuple[str, list[str]]],
    tail: Callable[[Sequence[Answer]], Iterable[str]],
) -> str:
    keys, opening = head(answers)
    renames = [line for answer in answers if answer.name for line in _renames(answer)]
    common = ["errors", f"prometheus {around.address}:9153", f"cache {TTL}", "loadbalance"]
    return _block(keys, [*_bind(around.address), *opening, *common, *renames, *tail(answers)])


def _zones(answers: Sequence[Answer]) -> tuple[str, list[str]]:
    return " ".join(f"{answer.zone}:{PORT}" for answer in answers), []


def _view(answers: Sequence[Answer]) -> tuple[str, list[str]]:
    exact = [f"'{answer.source.exact}.'" for answer in answers if answer.source.exact]
    tests = [f"name() in [{', '.join(exact)}]"] if exact else []
    tests += [f"name() endsWith '{answer.source.suffix}.'" for answer in answers if answer.source.suffix]
    tests += [f"name() startsWith '{answer.source.prefix}'" for answer in answers if answer.source.prefix]
    kind = "host" if answers[0].at_host else "name" if answers[0].name else "ip"
    return f".:{PORT}", _nested(f"view {kind}", [f"expr {' || '.join(tests)}"])


def _renames(answer: Answer) -> Iterator[str]:
    """Yield the rewrites that make one name of another, and of what is below it."""
    source = answer.source
    if answer.name.startswith("*."):
        yield f"rewrite stop name suffix {source.suffix}. {answer.name[1:]}. answer auto"
    elif answer.name.endswith(".*"):
        yield f"rewrite stop name prefix {source.prefix} {answer.name[:-1]} answer auto"
    elif source.exact:
        yield f"rewrite stop name exact {source.exact}. {answer.name}."
        if source.suffix:
            yield f"rewrite stop name suffix {source.suffix}. .{answer.name}. answer auto"
    else:
        yield f"rewrite stop name regex {_regex(answer)} {answer.name}. answer auto"


def _regex(answer: Answer) -> str:
    source = answer.source
    if source.exact:
        return f"^{re.escape(source.exact)}[.]$"
    return f"^.+{re.escape(source.suffix)}[.]$" if source.suffix else f"^{re.escape(source.prefix)}.+$"


def _from_host(dns: Dns) -> list[str]:
    return [f"forward . {dns.host_dns}"]


def _from_ourselves(around: Surroundings) -> list[str]:
    """Ask the main block, as a pod would; rules do not lead to rules, so this ends."""
    return [f"forward . {around.address or '127.0.0.1'}:{PORT}"]


def _addresses(answers: Sequence[Answer]) -> Iterator[str]:
    for answer in answers:
        yield from _template(answer)
    yield from _nested("template ANY ANY .", ["rcode NXDOMAIN"])


def _template(answer: Answer) -> Iterator[str]:
    """Yield what answers names with an address, and has nothing of other types."""
    kind = "AAAA" if ":" in answer.ip else "A"
    zone = answer.source.exact or answer.source.suffix[1:] or "."
    match = f'match "{_regex(answer)}"'
    record = f'answer "{{{{ .Name }}}} {TTL} IN {kind} {answer.ip}"'
    yield from _nested(f"template IN {kind} {zone}", [match, record, "fallthrough"])
    yield from _nested(f"template ANY ANY {zone}", [match, "rcode NOERROR", "fallthrough"])


def _bind(address: str) -> list[str]:
    return [f"bind {address}"] if address else []


def _nested(head: str, lines: Iterable[str]) -> list[str]:
    return [f"{head} {{", *(f"    {line}" for line in lines), "}"]


def _block(keys: str, lines: Iterable[str]) -> str:
    return "\n".join(_nested(keys, lines))
