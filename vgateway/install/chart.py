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
from vgateway.syncer.registry import FROM_HOST, TO_HOST, kinds_for

Switches = tuple[str, ...]
Rules = list[dict[str, Any]]

SIDES: tuple[tuple[str, type[Section], Any], ...] = (("toHost", ToHost, TO_HOST), ("fromHost", FromHost, FROM_HOST))
BEHIND = {"persistentVolumes": "persistentVolumeClaims", "volumeSnapshotContents": "volumeSnapshots"}
"""Switches that need another one."""
APART = frozenset({("sync", "toHost", "namespaces"), ("sync", "toHost", "pods")})
"""What changes every other right, and so is none of the chart's; and what cannot be switched off."""
NODE_METRICS: Switches = ("controlPlane", "kubelet", "nodeMetrics")

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
    blocks = {"role": [_listed(_role(none))], "cluster": []}
    for path, default in switches():
        on = _config(path)
        condition = (
            f'{{{{- if eq (dig {_quoted(path)} "enabled" {_word(default)} .Values.AsMap | toString) "true" }}}}\n'
        )
        if path == NODE_METRICS:
            condition = "{{- if .Values.controlPlane.kubelet.nodeMetrics }}\n"
        for name, found in (("role", _added(_role(none), _role(on))), ("cluster", _added(_wide(none), _wide(on)))):
            if found:
                blocks[name].append(f"{condition}{_listed(found)}{{{{- end }}}}\n")
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


def switches() -> Iterator[tuple[Switches, bool]]:
    """Yield the path of every switch that rights may follow from, and whether it is on by default."""
    for side, model, offers in SIDES:
        for name, field in model.model_fields.items():
            enabled = getattr(field.default, "enabled", None)
            path = ("sync", side, str(field.alias))
            if name in offers and path not in APART and not isinstance(field.default, NotYet):
                yield path, enabled is True
    yield NODE_METRICS, False


def _config(on: Switches) -> Config:
    """Return the configuration with nothing on but one switch, and what that needs."""
    wanted = {on, (*on[:-1], BEHIND.get(on[-1], "") if on else "")}
    sync: dict[str, dict[str, Any]] = {"toHost": {}, "fromHost": {}}
    for path, _ in switches():
        if path[0] == "sync":
            sync[path[1]][path[2]] = {"enabled": path in wanted}
    kubelet = {"nodeMetrics": on == NODE_METRICS}
    return config_of({"sync": sync, "controlPlane": {"kubelet": kubelet}}, Release("x", "x"))


def _role(config: Config) -> Rules:
    return role_rules(kinds_for(config))


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


def _quoted(path: Switches) -> str:
    return " ".join(f'"{word}"' for word in path)


def _word(value: bool) -> str:
    return "true" if value else "false"
