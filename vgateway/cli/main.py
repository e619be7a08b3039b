"""The ``vgateway`` command: every subcommand is put together here, and every failure becomes one line."""

import sys

import typer

from vgateway.cli.run import run
from vgateway.errors import ConfigError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command()(run)


@app.callback()
def vgateway() -> None:
    """A virtual-cluster gateway for Kubernetes."""


def main() -> None:
    """Run the command line: exit code 2 and one line when the operator's input is wrong."""
    try:
        app()
    except ConfigError as error:
        sys.exit(_refused(error))


def _refused(error: ConfigError) -> int:
    sys.stderr.write(f"vgateway: {error}\n")
    return 2
