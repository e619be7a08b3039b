"""Resolve rules as values that the Corefile is written from: which names, and what they become."""

from collections.abc import Sequence
from dataclasses import dataclass

from vgateway.config.patterns import Pattern
from vgateway.config.resolving import Goal, ResolveRule
from vgateway.kube.names import Names


@dataclass(frozen=True, slots=True)
class Answer:
    """One rule: the names of ``source`` become ``name``, or are answered with ``ip``.

    ``name`` may begin with ``*.`` or end with ``.*`` as the source does. ``at_host`` says that only the host cluster
    knows the name; ``zone`` is the source when it is about a whole zone, and "" when it is about host names.
    """

    source: Pattern
    name: str = ""
    ip: str = ""
    at_host: bool = False
    zone: str = ""


def answers_of(rules: Sequence[ResolveRule], domain: str, host_domain: str) -> tuple[Answer, ...]:
    """Return the rules as answers, for a virtual cluster and a host of these DNS domains."""
    return tuple(_answer(rule, domain, host_domain) for rule in rules)


def _answer(rule: ResolveRule, domain: str, host_domain: str) -> Answer:
    source, goal = rule.source(domain), rule.goal
    zone = "" if rule.hostname is not None else source.exact
    match goal.kind:
        case "ip":
            return Answer(source, ip=goal.text, zone=zone)
        case "hostname":
            return Answer(source, name=goal.text, zone=zone)
        case _:
            return Answer(source, name=f"{_host_name(goal)}.svc.{host_domain}", at_host=True, zone=zone)


def _host_name(goal: Goal) -> str:
    """Return what a target is called on the host, below ``svc``."""
    if goal.kind == "namespace":
        return goal.text
    if goal.kind == "service":
        namespace, name = goal.text.split("/")
        return f"{name}.{namespace}"
    host_namespace, virtual_cluster, namespace, name = goal.text.split("/")
    return f"{Names(virtual_cluster, host_namespace).host_name(name, namespace)}.{host_namespace}"
