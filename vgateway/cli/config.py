"""``vgateway config``: what a configuration file says, checked and spelled out, without running anything."""

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
import yaml

from vgateway.app.rights import cluster_rules, role_rules
from vgateway.config.convert import convert as respell
from vgateway.config.load import load_config, parse_config, problems_of, read_document
from vgateway.config.model import Config
from vgateway.errors import ConfigError
from vgateway.kube.names import Names
from vgateway.syncer.registry import kinds_for, unsupported
from vgateway.syncer.rights import host_place_rules

RBAC = "rbac.authorization.k8s.io/v1"
GROUP = "rbac.authorization.k8s.io"

app = typer.Typer(no_args_is_help=True, help="Check a configuration and see what follows from it.")

File = Annotated[Path, typer.Argument(metavar="FILE", help="The configuration file of one virtual cluster.")]


@app.command()
def check(file: File) -> None:
    """Print ok, or a line for every problem."""
    document = read_document(file)
    problems = problems_of(document) or _not_to_be_had(parse_config(document))
    for problem in problems:
        typer.echo(f"{file}: {problem}", err=True)
    if problems:
        raise typer.Exit(2)
    typer.echo("ok")


def _not_to_be_had(config: Config) -> list[str]:
    """Return a line for what is well said and cannot be done."""
    if wrong := unsupported(config.sync):
        return wrong
    try:
        kinds_for(config)
    except ConfigError as error:
        return [str(error)]
    return []


@app.command()
def convert(file: File) -> None:
    """Print an older file in today's spelling; on stderr what was left out, and what cannot be said today."""
    document = read_document(file)
    if not isinstance(document, dict):
        raise ConfigError(f"{file}: a mapping is expected at the top")
    converted = respell(document)
    typer.echo(yaml.safe_dump(converted.document, sort_keys=False), nl=False)
    for line in (*converted.dropped, *converted.problems):
        typer.echo(f"{file}: {line}", err=True)
    if converted.problems:
        raise typer.Exit(2)


@app.command()
def schema() -> None:
    """Print the JSON schema of the configuration, for editors."""
    found = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema(by_alias=True)}
    typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))


@app.command()
def rbac(
    file: File,
    account: Annotated[str, typer.Option(help="The ServiceAccount that the gateway runs under.")] = "",
) -> None:
    """Print the rights on the host that the configuration needs, and not one more."""
    config = load_config(file)
    try:
        manifests = rights(config, account or f"vc-{config.gateway.name}")
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error
    typer.echo(yaml.safe_dump_all(manifests, sort_keys=False), nl=False)


def rights(config: Config, account: str) -> list[dict[str, Any]]:
    """Return Role and binding, and those of other namespaces and the whole cluster if needed.

    Raises ConfigError for what is not done.
    """
    kinds, gateway = kinds_for(config), config.gateway
    subject = {"kind": "ServiceAccount", "name": account, "namespace": gateway.namespace}
    own = {"name": f"vc-{gateway.name}", "namespace": gateway.namespace}
    found = _bound("Role", own, role_rules(config, kinds), subject)
    name = Names(gateway.name, gateway.namespace).cluster_name("gateway")
    for namespace, rules in host_place_rules(kinds).items():
        found += _bound("Role", {"name": name, "namespace": namespace}, rules, subject)
    if wide := cluster_rules(config, kinds):
        found += _bound("ClusterRole", {"name": name}, wide, subject)
    return found


def _bound(
    kind: str, meta: dict[str, str], rules: list[dict[str, Any]], subject: dict[str, str]
) -> list[dict[str, Any]]:
    reference = {"apiGroup": GROUP, "kind": kind, "name": meta["name"]}
    return [
        {"apiVersion": RBAC, "kind": kind, "metadata": dict(meta), "rules": rules},
        {
            "apiVersion": RBAC,
            "kind": f"{kind}Binding",
            "metadata": dict(meta),
            "roleRef": reference,
            "subjects": [dict(subject)],
        },
    ]
