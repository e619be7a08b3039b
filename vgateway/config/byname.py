"""The grammar of ``mappings.byName``: which object of the host is called what in the tenant's cluster. Pure.

``host namespace/name: virtual namespace/name`` for one object, ``host namespace/*: virtual namespace/*`` for all of a
namespace. An empty host namespace is the virtual cluster's own, and ``""`` alone is all of that.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

ALL = "*"
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class NameRule:
    """One line of a mapping; names "" mean every object, and host namespace "" the virtual cluster's own."""

    host_namespace: str
    host_name: str
    virtual_namespace: str
    virtual_name: str


def name_rules(by_name: Mapping[str, str]) -> Iterator[NameRule]:
    """Yield the rules of a mapping. Raises ValueError saying which line is wrong and how."""
    seen: dict[tuple[str, str], str] = {}
    for host, virtual in by_name.items():
        rule = name_rule(host, virtual)
        target = (rule.virtual_namespace, rule.virtual_name)
        if target in seen:
            raise ValueError(f"{seen[target]!r} and {host!r} both become {virtual!r}")
        seen[target] = host
        yield rule


def name_rule(host: str, virtual: str) -> NameRule:
    """Read one line. Raises ValueError saying what is wrong with it."""
    from_namespace, from_name = _host(host)
    to_namespace, slash, to_name = virtual.partition("/")
    if not slash and from_name == ALL:
        to_name = ALL
    if not _NAMESPACE.fullmatch(to_namespace) or not _is_name(to_name):
        raise ValueError(f"{virtual!r}: namespace/name or namespace/* is expected")
    if (from_name == ALL) != (to_name == ALL):
        raise ValueError(f"{host!r} and {virtual!r}: both or neither must mean a whole namespace")
    return NameRule(from_namespace, from_name.replace(ALL, ""), to_namespace, to_name.replace(ALL, ""))


def _host(text: str) -> tuple[str, str]:
    namespace, slash, name = text.partition("/") if text else ("", "/", ALL)
    if not slash or not _is_name(name) or (namespace and not _NAMESPACE.fullmatch(namespace)):
        raise ValueError(f"{text!r}: namespace/name or namespace/* is expected")
    return namespace, name


def _is_name(text: str) -> bool:
    return text == ALL or _NAME.fullmatch(text) is not None
