"""The ``vgateway`` command: every subcommand is put together here, and every failure becomes one line."""

import sys

import typer

from vgateway.cli import config, local, pod, virtual
from vgateway.cli.connect import connect, disconnect
from vgateway.cli.explain import explain
from vgateway.cli.run import run
from vgateway.errors import ConfigError
from vgateway.local.errors import LocalError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command()(run)
app.command()(explain)
app.command()(virtual.create)
app.command()(connect)
app.command()(disconnect)
app.command("list")(virtual.list_clusters)
app.command()(virtual.describe)
app.command()(virtual.delete)
app.command()(virtual.kubeconfig)
app.command()(virtual.manifests)
app.add_typer(config.app, name="config")
app.add_typer(local.app, name="local")
app.add_typer(pod.app, name="pod", hidden=True)


@app.callback()
def vgateway() -> None:
    """A virtual-cluster gateway for Kubernetes."""


def main() -> None:
    """Run the command line: one line and exit code 2 when the operator's input is wrong, 1 when this machine failed."""
    try:
        app()
    except ConfigError as error:
        sys.exit(_refused(error, 2))
    except LocalError as error:
        sys.exit(_refused(error, 1))


def _refused(error: Exception, code: int) -> int:
    sys.stderr.write(f"vgateway: {error}\n")
    return code
