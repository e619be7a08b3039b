"""``vgateway explain``: why an object is as it is, asked of the running process. Arguments in, words out."""

import http.client
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
import typer

from vgateway.app.seal import HEADER, seal
from vgateway.config.load import load_config
from vgateway.config.model import Config
from vgateway.errors import ConfigError

TAKES = 10.0
"""Seconds that an answer may take."""
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class Output(StrEnum):
    """How the answer is written."""

    text = "text"
    json = "json"


def explain(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="A kind, singular, plural or short.")],
    name: Annotated[str, typer.Argument(metavar="[NAMESPACE/]NAME", help="The tenant's object.")],
    config: Annotated[Path, typer.Option("--config", help="The configuration of the running process.")],
    host: Annotated[bool, typer.Option("--host", help="NAME is that of the copy on the host.")] = False,
    output: Annotated[Output, typer.Option("--output", "-o", help="For people, or for programs.")] = Output.text,
) -> None:
    """Say which twin an object has, who owns its fields, what was decided last and what blocks it now."""
    namespace, _, own = name.rpartition("/")
    query = {"kind": kind, "namespace": namespace, "name": own, "host": str(host).lower()}
    answer = ask(load_config(config), query)
    typer.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2) if output is Output.json else "\n".join(lines(answer)))


def ask(config: Config, query: dict[str, str]) -> Any:
    """Ask the process that runs with this configuration. Raises ConfigError when it cannot say."""
    place = config.gateway.operations
    address = ANYWHERE.get(place.address, place.address)
    target = f"/explain?{urlencode({**query, 'at': str(int(time.time()))})}"
    connection = http.client.HTTPConnection(address, place.port, timeout=TAKES)
    try:
        connection.request("GET", target, headers={HEADER: seal(config.gateway.tls.key.read_bytes(), target)})
        answer = connection.getresponse()
        code, body = answer.status, orjson.loads(answer.read())
    except (OSError, http.client.HTTPException, orjson.JSONDecodeError) as error:
        raise ConfigError(f"nothing answers at {address}:{place.port} (gateway.operations): {error}") from error
    finally:
        connection.close()
    if code != http.client.OK:
        raise ConfigError(body["message"])
    return body


def lines(answer: dict[str, Any]) -> list[str]:
    """Write an answer for people."""
    host, last = answer["host"], answer["lastDecision"]
    found = [f"{answer['kind']} {_twin(answer['virtual'])}"]
    found.append(f"on the host: {_twin(host)}" if host else "on the host: it has no copy of its own")
    found += _section("Blocked by", answer["blockedBy"]) or ["Blocked by: nothing"]
    found += _section("About to", answer["next"])
    if last is None:
        found.append("Last decision: none that is remembered")
    else:
        found += _section(f"Last decision, at {last['at']}", last["steps"])
        if last.get("error"):
            found.append(f"Failed at {last['failedAt']}, again {last['againInSeconds']} s later: {last['error']}")
    if not answer["virtual"]["exists"]:
        return found
    return found + _section("Owners", [f"{path}: {owner}" for path, owner in answer["fields"].items()])


def _twin(twin: dict[str, Any]) -> str:
    state = "" if twin["exists"] else " (not there)"
    return f"{twin['name']}{state}{' (being deleted)' if twin.get('deleting') else ''}"


def _section(title: str, items: list[str]) -> list[str]:
    return [f"{title}:", *(f"  {item}" for item in items)] if items else []
