"""``vgateway config``: what a configuration file says, checked and spelled out, without running anything."""

from pathlib import Path
from typing import Annotated

import orjson
import typer
import yaml

from vgateway.config.convert import convert as respell
from vgateway.config.load import load_config, parse_config, problems_of, read_document
from vgateway.config.model import Config
from vgateway.errors import ConfigError
from vgateway.install.chart import values_schema
from vgateway.install.layout import Release
from vgateway.install.rights import installation_rights, rights
from vgateway.install.wiring import config_of
from vgateway.syncer.registry import kinds_for, unsupported

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
def schema(
    chart: Annotated[bool, typer.Option("--chart", help="Of the chart's values instead: no gateway key.")] = False,
) -> None:
    """Print the JSON schema of the configuration, for editors."""
    draft = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    found = values_schema() if chart else draft | Config.model_json_schema(by_alias=True)
    typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))


@app.command()
def rbac(
    file: File,
    account: Annotated[str, typer.Option(help="The ServiceAccount that the gateway runs under.")] = "",
    name: Annotated[str, typer.Option(help="For the values of an installation: the virtual cluster.")] = "",
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="And its host namespace.")] = "",
) -> None:
    """Print the rights on the host that the configuration needs, and not one more."""
    if bool(name) != bool(namespace):
        raise ConfigError("--name and --namespace go together")
    try:
        if name:
            release = Release(name, namespace)
            manifests = installation_rights(config_of(read_document(file) or {}, release), release)
        else:
            config = load_config(file)
            manifests = rights(config, account or f"vc-{config.gateway.name}")
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error
    typer.echo(yaml.safe_dump_all(manifests, sort_keys=False), nl=False)
