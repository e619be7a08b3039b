"""Which writes API servers have taken, from their own counters. Pure.

The counters do not say who wrote. On both sides there are writes that only a syncer makes in these runs: whatever the
others write (the driver, controllers, scheduler, kwok) has another verb, resource or subresource.
"""

import re
from collections import Counter

Write = tuple[str, str, str]
"""Verb, resource, subresource."""

# On the host nobody else makes, changes or deletes pods and Secrets: scheduler and kwok write subresources.
HOST: frozenset[Write] = frozenset(
    (verb, resource, "")
    for verb in ("POST", "PATCH", "PUT", "DELETE")
    for resource in ("pods", "secrets", "configmaps")
)
# In the tenant's cluster nobody else binds pods, writes their status or tells of them; bare pods have no controller.
VIRTUAL: frozenset[Write] = frozenset(
    {
        ("POST", "pods", "binding"),
        ("PATCH", "pods", "status"),
        ("PATCH", "pods", ""),
        ("POST", "events", ""),
        ("PATCH", "events", ""),
        ("POST", "nodes", ""),
        ("PATCH", "nodes", ""),
        ("PATCH", "nodes", "status"),
    }
)
# A TokenRequest changes no object: it is counted apart.
TOKENS: frozenset[Write] = frozenset({("POST", "serviceaccounts", "token")})

_LINE = re.compile(r"^apiserver_request_total\{(?P<labels>[^}]*)\} (?P<value>\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


def requests(exposition: str) -> Counter[Write]:
    """Return how many requests succeeded so far, by what they were, out of ``/metrics``."""
    found: Counter[Write] = Counter()
    for line in _LINE.finditer(exposition):
        labels = dict(_LABEL.findall(line["labels"]))
        if labels.get("code", "").startswith("2"):
            found[labels["verb"], labels["resource"], labels.get("subresource", "")] += int(float(line["value"]))
    return found


def count(before: Counter[Write], after: Counter[Write], which: frozenset[Write]) -> int:
    """Return how many of certain writes came between two readings."""
    return sum(after[write] - before[write] for write in which)
