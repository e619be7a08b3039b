"""``vgateway connect|disconnect``: from the host's context to a virtual cluster's and back."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from vgateway.cli.virtual import Name, Namespace, exported, host_kubeconfig, release_of
from vgateway.errors import ConfigError
from vgateway.install.contexts import context_name, parent_of, with_context, with_server, without
from vgateway.install.layout import SERVICE_PORT, Release
from vgateway.kube.kubeconfig import load
from vgateway.local.kubeconfigs import write_private

FORWARDING = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")


def connect(
    name: Name,
    command: Annotated[list[str] | None, typer.Argument(help="A command to run with it, after --.")] = None,
    namespace: Namespace = "",
    server: Annotated[str, typer.Option(help="Its address, where it can be reached; else a port is forwarded.")] = "",
    local_port: Annotated[int, typer.Option(help="The port here that is forwarded; 0 for a free one.")] = 0,
) -> None:
    """Make a virtual cluster the current context, or run one command with it.

    Without an address a port is forwarded until the command ends, or until Ctrl-C; then the context is as before.
    """
    release = release_of(name, namespace)
    document = exported(release)
    if server and not command:
        _switch(release, with_server(document, server))
        return
    with _reached(release, server, local_port) as address:
        found = with_server(document, address)
        if command:
            raise typer.Exit(_run(command, found))
        _switch(release, found)
        typer.echo("Ctrl-C ends the connection", err=True)
        try:
            _wait()
        finally:
            disconnect()


def disconnect() -> None:
    """Make that context current again from which `connect` came."""
    path = host_kubeconfig()
    document = dict(load(path))
    current = str(document.get("current-context") or "")
    parent = parent_of(current)
    if parent is None:
        raise ConfigError(f"{current or 'no context'} is current, which `vgateway connect` did not make")
    write_private(path, {**without(document, current), "current-context": parent})
    typer.echo(f"{parent} is the current context again", err=True)


def _switch(release: Release, entry: dict[str, Any]) -> None:
    path = host_kubeconfig()
    document = dict(load(path))
    current = str(document.get("current-context") or "")
    name = context_name(release.name, release.namespace, parent_of(current) or current)
    write_private(path, with_context(document, entry, name))
    typer.echo(f"{name} is the current context", err=True)


@contextmanager
def _reached(release: Release, server: str, port: int) -> Iterator[str]:
    """Yield an address by which the virtual cluster is reached meanwhile."""
    if server:
        yield server
        return
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise ConfigError("to forward a port takes kubectl, which is not on PATH: install it, or give --server")
    target = ["-n", release.namespace, f"service/{release.name}", f"{port or ''}:{SERVICE_PORT}"]
    command = [kubectl, "--kubeconfig", str(host_kubeconfig()), "port-forward", "--address=127.0.0.1", *target]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as forwarding:
        try:
            assert forwarding.stdout is not None
            line = forwarding.stdout.readline()
            found = FORWARDING.search(line)
            if found is None:
                raise ConfigError(f"kubectl forwards no port: {line.strip()}")
            yield f"https://localhost:{found[1]}"
        finally:
            forwarding.terminate()


def _run(command: list[str], document: dict[str, Any]) -> int:
    with tempfile.TemporaryDirectory(prefix="vgateway-") as directory:
        path = write_private(Path(directory) / "kubeconfig", document)
        return subprocess.run(command, env={**os.environ, "KUBECONFIG": str(path)}, check=False).returncode


def _wait() -> None:
    """Wait for Ctrl-C."""
    with suppress(KeyboardInterrupt):
        signal.pause()
