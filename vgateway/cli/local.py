"""``vgateway local``: real clusters on this machine. Arguments in, words out; the work is the ``local`` package's."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from vgateway.app.rights import cluster_rules, role_rules
from vgateway.errors import ConfigError
from vgateway.local.addresses import node_name
from vgateway.local.clusters import Wish, bring_up, open_instance
from vgateway.local.errors import LocalError
from vgateway.local.gateway import check_choices, config_of, read_choices
from vgateway.local.homelock import changing, remove_home
from vgateway.local.manifests import Rights
from vgateway.local.names import check_name
from vgateway.local.nodes import load_archive
from vgateway.local.paths import Paths, cache_home, state_home
from vgateway.local.podimages import PROGRAMS as POD_PROGRAMS
from vgateway.local.podimages import ensure_pod_images
from vgateway.local.progress import Progress
from vgateway.local.state import State, load_state
from vgateway.local.status import status as status_document
from vgateway.local.teardown import recorded_state, take_down, take_down_virtual
from vgateway.local.toolchain import ensure_programs
from vgateway.local.watchdog import await_end
from vgateway.syncer.registry import kinds_for
from vgateway.syncer.rights import host_place_rules

DEFAULT = "demo"

app = typer.Typer(no_args_is_help=True, help="Real clusters on this machine: a host cluster and virtual ones on it.")

Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Virtual clusters.")]


@app.command()
def up(
    names: Names = None,
    nodes: Annotated[int | None, typer.Option(min=0, max=40, help="Real nodes of the host; 1 at first.")] = None,
    kwok_nodes: Annotated[int | None, typer.Option(min=0, max=1000, help="Make-believe nodes beside them.")] = None,
    storage: Annotated[
        bool | None, typer.Option(help="Volumes on the real nodes' disks, by default; off at first.")
    ] = None,
    store: Annotated[str | None, typer.Option(help="Where new virtual clusters keep objects: sqlite or etcd.")] = None,
    config: Annotated[Path | None, typer.Option(help="Configuration of the gateways, without its gateway key.")] = None,
    owner_pid: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Start virtual clusters and what they stand on, or repair them; without a NAME those that are there, else demo."""
    if store not in {None, "sqlite", "etcd"}:
        raise typer.BadParameter(f"sqlite or etcd is expected, not {store}", param_hint="--store")
    chosen = read_choices(config) if config else None
    if config and chosen is not None:
        check_choices(config, chosen)
        _check_kinds(config, chosen)
    paths, progress = Paths(state_home(os.environ)), _progress()
    known = load_state(paths.state)
    wish = Wish(
        names=tuple(check_name(name) for name in names or (known and known.virtual) or [DEFAULT]),
        rights=host_rights,
        nodes=nodes,
        kwok_nodes=kwok_nodes,
        storage=storage,
        store=store,
        chosen=chosen,
        owner=owner_pid,
    )
    with changing(paths, progress):
        state = bring_up(paths, cache_home(os.environ), wish, progress)
    progress.say(_next_steps(paths, state, wish.names[0]))


@app.command()
def down(names: Names = None) -> None:
    """Take virtual clusters down, or, without a name, everything: nothing is left of it."""
    paths, progress = Paths(state_home(os.environ)), _progress()
    if not paths.home.exists() and recorded_state(paths, os.environ) is None:
        progress.say("nothing is up")
        return
    with changing(paths, progress):
        if names:
            _down_virtual(paths, names, progress)
            return
        found = take_down(paths, os.environ, progress)
        remove_home(paths)
    progress.say("everything is down" if found else "nothing was up")


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Say what runs."""
    paths = Paths(state_home(os.environ))
    document = status_document(paths, load_state(paths.state))
    typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2) if as_json else "\n".join(status_lines(document)))


@app.command()
def kubeconfig(
    name: Annotated[str, typer.Argument(help="The virtual cluster.")] = DEFAULT,
    direct: Annotated[bool, typer.Option("--direct", help="Straight to the virtual API server.")] = False,
    host: Annotated[bool, typer.Option("--host", help="The host cluster's administrator instead.")] = False,
) -> None:
    """Print the path of a kubeconfig: the tenant's, through the gateway, unless another is asked for."""
    paths = Paths(state_home(os.environ))
    path = paths.host_kubeconfig if host else paths.tenant_kubeconfig(name, direct=direct)
    if not path.exists():
        raise LocalError("the host cluster is not up" if host else f"the virtual cluster {name} is not up")
    typer.echo(path)


@app.command()
def load(archive: Annotated[Path, typer.Argument(help="An image archive, as docker save writes it.")]) -> None:
    """Put the images of an archive on every real node."""
    paths, progress = Paths(state_home(os.environ)), _progress()
    _load(paths, _running(paths), archive, progress)


def _load(paths: Paths, state: State, archive: Path, progress: Progress) -> None:
    instance = open_instance(paths, state, {}, os.environ, progress)
    if not state.nodes:
        raise LocalError("there is no real node to load images on")
    for index in range(1, state.nodes + 1):
        with progress.step(f"loading {archive.name} on {node_name(index)}"):
            load_archive(instance.node_files(node_name(index)), archive)


@app.command()
def images() -> None:
    """Put onto every real node what `vgateway create` and the chart run there: our image and the control plane's."""
    paths, progress = Paths(state_home(os.environ)), _progress()
    state = _running(paths)
    cache = cache_home(os.environ)
    programs = ensure_programs(POD_PROGRAMS, cache, progress)
    with tempfile.TemporaryDirectory(prefix="vgateway-images-") as scratch:
        for archive in ensure_pod_images(cache, programs, Path(scratch), progress):
            _load(paths, state, archive, progress)


@app.command()
def programs() -> None:
    """Print a directory for PATH, with the kubectl that fits the clusters."""
    paths = Paths(state_home(os.environ))
    if not (paths.programs / "kubectl").exists():
        raise LocalError("the clusters are not up")
    typer.echo(paths.programs)


@app.command(hidden=True)
def watch(owner: int) -> None:
    """Wait for the end of a process, then take everything down."""
    await_end(owner)
    down(None)


def host_rights(chosen: Mapping[str, Any]) -> Rights:
    """Return what a gateway of this configuration needs on the host. Raises ConfigError for what is not done yet."""
    config = config_of(chosen)
    kinds = kinds_for(config)
    return Rights(role_rules(config, kinds), cluster_rules(config, kinds), host_place_rules(kinds))


def _check_kinds(path: Path, chosen: Mapping[str, Any]) -> None:
    try:
        host_rights(chosen)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def status_lines(document: dict[str, Any]) -> list[str]:
    """Write the status for people: a line per cluster or node, and what of it is dead."""
    if document["host"] is None:
        return ["nothing is up"]
    lines = [_line("host", document["host"], document["host"]["server"])]
    lines += [_line(name, node, "real node") for name, node in document["nodes"].items()]
    if document["kwokNodes"]:
        lines.append(f"{len(document['kwokNodes'])} kwok nodes")
    lines += [_line(name, cluster, cluster["server"]) for name, cluster in document["virtualClusters"].items()]
    return lines


def _line(name: str, part: dict[str, Any], what: str) -> str:
    dead = [program for program, found in part["programs"].items() if found["pid"] is None]
    return f"{name:16} {what:32} {'dead: ' + ', '.join(dead) if dead else 'running'}"


def _down_virtual(paths: Paths, names: list[str], progress: Progress) -> None:
    state = _running(paths)
    instance = open_instance(paths, state, {}, os.environ, progress)
    for name in names:
        state = take_down_virtual(instance, state, name)


def _running(paths: Paths) -> State:
    state = load_state(paths.state)
    if state is None:
        raise LocalError("the clusters are not up: `vgateway local up` starts them")
    return state


def _next_steps(paths: Paths, state: State, name: str) -> str:
    path = [] if shutil.which("kubectl") else [f"  export PATH={paths.programs}:$PATH"]
    lines = [
        f"{name} is up in the host namespace vgateway-{name}. Next:",
        *path,
        f"  export KUBECONFIG={paths.tenant_kubeconfig(name)}",
        "  kubectl get pods -A",
        "`vgateway local down` takes everything away.",
    ]
    if not state.rooted:
        lines.insert(1, "(not root: its nodes are make-believe and run nothing)")
    return "\n".join(lines)


def _progress() -> Progress:
    return Progress(Console(stderr=True))
