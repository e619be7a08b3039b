"""The ``vgateway`` command: every subcommand is put together here."""

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def vgateway() -> None:
    """A virtual-cluster gateway for Kubernetes."""


def main() -> None:
    """Run the command line."""
    app()
