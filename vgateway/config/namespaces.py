"""``sync.toHost.namespaces``: a host namespace for each virtual one, in place of one for them all."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator

from vgateway.config.base import Section, Switch

_VIRTUAL = re.compile(r"[a-z0-9*]([-a-z0-9*]*[a-z0-9*])?")
_HOST = re.compile(r"([a-z0-9*]|\$\{name\})([-a-z0-9*]|\$\{name\})*")


def _patterns(given: Mapping[str, str]) -> Mapping[str, str]:
    seen: dict[str, str] = {}
    for virtual, host in given.items():
        if not _VIRTUAL.fullmatch(virtual) or not _HOST.fullmatch(host) or virtual.count("*") > 1:
            raise ValueError(f"{virtual!r}: {host!r}: names of namespaces are expected, with at most one *")
        if virtual.count("*") != host.count("*"):
            raise ValueError(f"{virtual!r} and {host!r}: both or neither must have a *")
        if host in seen:
            raise ValueError(f"{seen[host]!r} and {virtual!r} both become {host!r}")
        seen[host] = virtual
    return given


class NamespaceMappings(Section):
    """Which virtual namespace has which host namespace."""

    by_name: Annotated[Mapping[str, str], AfterValidator(_patterns)] = {}
    """Virtual to host, with one ``*`` on either side at most; ``${name}`` is the virtual cluster's name."""


class Namespaces(Switch):
    """A host namespace for each virtual one; objects keep their names there. It needs rights on the whole host.

    To be decided before the virtual cluster is first used: what was made under other names is not moved. Accounts,
    real volumes and claims of devices do not go with it.
    """

    mappings: NamespaceMappings = NamespaceMappings()
    mappings_only: bool = False
    """``true`` leaves namespaces without a line where they are: their pods do not run."""
    extra_labels: Mapping[str, str] = {}
    """Labels that every one of those host namespaces has, whatever the tenant labels its own with."""
