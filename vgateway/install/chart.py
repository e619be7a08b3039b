"""What of the Helm chart follows from the models and the kinds: the schema of its values, its rules of RBAC, its
programs' arguments. Pure.

Rights of kinds add up, so the chart has the rules of what cannot be switched off, and those that each switch adds.
`deploy/helm/generate` writes them into the chart; tests hold the chart to `vgateway config rbac`.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from vgateway.app.rights import cluster_rules, role_rules
from vgateway.config.base import NotYet
from vgateway.config.fromhost import FromHost
from vgateway.config.model import Config, Values
from vgateway.config.section import Section
from vgateway.config.tohost import ToHost
from vgateway.install.layout import Release
from vgateway.install.programs import apiserver, controller_manager, kine
from vgateway.install.wiring import config_of
from vgateway.kubelet.rights import NODE_RULES, NODE_USAGE_RULES
from vgateway.syncer.registry import FROM_HOST, TO_HOST, kinds_for

Switch = tuple[str, ...]
Rules = list[dict[str, Any]]

SIDES: tuple[tuple[str, type[Section], Any], ...] = (("toHost", ToHost, TO_HOST), ("fromHost", FromHost, FROM_HOST))
BEHIND = {"persistentVolumes": "persistentVolumeClaims", "volumeSnapshotContents": "volumeSnapshots"}
"""Switches that need another one."""
APART = frozenset({("sync", "toHost", "namespaces", "enabled"), ("sync", "toHost", "pods", "enabled")})
"""What changes every other right, and so is none of the chart's; and what cannot be switched off."""
BY_IP: Switch = ("networking", "advanced", "proxyKubelets", "byIP")
ELSEWHERE: tuple[Switch, ...] = (BY_IP, ("policies", "networkPolicy", "enabled"))
"""Switches that are none of ``sync``, and add rights by themselves."""

HEAD = """{{- /* Made by deploy/helm/generate; do not edit. */ -}}
"""


def values_schema() -> dict[str, Any]:
    """Return the JSON schema of the chart's values; ``global`` is what Helm itself may put there."""
    found = Values.model_json_schema(by_alias=True)
    found["properties"]["global"] = {"type": "object", "description": "Helm's own; nothing of ours."}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def rights_template() -> str:
    """Return the chart's templates of the rules of Role and ClusterRole."""
    none = _config(())
    role: list[str] = [_listed(_role(none))]
    cluster: list[str] = []
    for path, default in switches():
        on = _config(path)
        condition = _is_on(path, default=default)
        for block, found in ((role, _added(_role(none), _role(on))), (cluster, _added(_wide(none), _wide(on)))):
            if found:
                block.append(_when(condition, found))
    role.append(_when(SAYS_POLICY, _added(_role(config_of({}, Release("x", "x"))), _role(_policy_off()))))
    cluster += [_when(ASKS_NODES, [*NODE_RULES]), _when(SHOWS_LOAD, [*NODE_USAGE_RULES])]
    blocks = {"role": role, "cluster": cluster}
    written = (
        f'{{{{- define "vgateway.{name}Rules" -}}}}\n{"".join(block)}{{{{- end }}}}\n' for name, block in blocks.items()
    )
    return HEAD + "\n".join(written)


def arguments_template() -> str:
    """Return the chart's templates of the programs' arguments, as pods of `vgateway create` have them."""
    config = _config(())
    written = (
        f'{{{{- define "vgateway.{name}Arguments" -}}}}\n{_items(arguments)}{{{{- end }}}}\n'
        for name, arguments in (
            ("apiserver", apiserver(config)),
            ("controllerManager", controller_manager(config)),
            ("kine", kine(config)),
        )
    )
    return HEAD + "\n".join(written)


def _items(arguments: list[str]) -> str:
    return "".join(f"- {orjson.dumps(one).decode()}\n" for one in arguments)


def switches() -> Iterator[tuple[Switch, bool]]:
    """Yield the path of every switch that adds rights by itself, and whether it is on by default."""
    for side, model, offers in SIDES:
        for name, field in model.model_fields.items():
            enabled = getattr(field.default, "enabled", None)
            path = ("sync", side, str(field.alias), "enabled")
            if name in offers and path not in APART and not isinstance(field.default, NotYet):
                yield path, enabled is True
    yield from ((path, False) for path in ELSEWHERE)


def _config(on: Switch) -> Config:
    """Return the configuration with nothing on but one switch, and what that needs."""
    wanted = {on, (*on[:-2], BEHIND.get(on[-2], ""), "enabled") if on else ()}
    values: dict[str, Any] = {"networking": {"advanced": {"proxyKubelets": {"byHostname": False}}}}
    for path, _ in switches():
        if path in ELSEWHERE and path not in wanted:
            continue  # to turn one off is to say something, too
        section = values
        for name in path[:-1]:
            section = section.setdefault(name, {})
        section[path[-1]] = path in wanted
    return config_of(values, Release("x", "x"))


def _policy_off() -> Config:
    """Return the configuration that says no to what it may have wanted before: that is taken back."""
    return config_of({"policies": {"networkPolicy": {"enabled": False}}}, Release("x", "x"))


def _role(config: Config) -> Rules:
    return role_rules(config, kinds_for(config))


def _wide(config: Config) -> Rules:
    return cluster_rules(config, kinds_for(config))


def _added(before: Rules, after: Rules) -> Rules:
    """Return what is in ``after`` and not in ``before``, verb by verb."""
    have = set(_single(before))
    found: dict[tuple[str, str], list[str]] = {}
    for group, resource, verb in _single(after):
        if (group, resource, verb) not in have:
            found.setdefault((group, resource), []).append(verb)
    return [{"apiGroups": [group], "resources": [name], "verbs": verbs} for (group, name), verbs in found.items()]


def _single(rules: Rules) -> Iterator[tuple[str, str, str]]:
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    yield group, resource, verb


def _listed(rules: Rules) -> str:
    return "".join(
        f"- apiGroups: {_flow(rule['apiGroups'])}\n"
        f"  resources: {_flow(rule['resources'])}\n"
        f"  verbs: {_flow(rule['verbs'])}\n"
        for rule in rules
    )


def _flow(words: list[str]) -> str:
    return orjson.dumps(words).decode().replace('","', '", "')


def _when(condition: str, rules: Rules) -> str:
    return f"{{{{- if {condition} }}}}\n{_listed(rules)}{{{{- end }}}}\n"


def _is_on(path: Switch, *, default: bool) -> str:
    quoted = " ".join(f'"{word}"' for word in path)
    return f'eq (dig {quoted} {str(default).lower()} .Values.AsMap | toString) "true"'


NODES = _is_on(("sync", "fromHost", "nodes", "enabled"), default=False)
SAYS_POLICY = 'hasKey (dig "policies" "networkPolicy" (dict) .Values.AsMap) "enabled"'
NODE_METRICS = _is_on(("controlPlane", "kubelet", "nodeMetrics"), default=False)
BY_NAME = _is_on(("networking", "advanced", "proxyKubelets", "byHostname"), default=True)
ASKS_NODES = f"or ({NODE_METRICS}) (and ({NODES}) (or ({BY_NAME}) ({_is_on(BY_IP, default=False)})))"
"""As ``app.rights.asks_nodes`` says it."""
METRICS = _is_on(("integrations", "metricsServer", "enabled"), default=False)
OF_NODES = _is_on(("integrations", "metricsServer", "nodes"), default=True)
SHOWS_LOAD = f"and ({METRICS}) ({OF_NODES}) (or ({NODES}) ({NODE_METRICS}))"
"""As ``Values.shows_host_load`` says it."""
