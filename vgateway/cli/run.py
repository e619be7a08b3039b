"""``vgateway run``: the process of one virtual cluster."""

from pathlib import Path
from typing import Annotated

import typer

from vgateway.config.load import load_config


def run(
    config: Annotated[Path, typer.Option("--config", help="The configuration file of one virtual cluster.")],
) -> None:
    """Serve one virtual cluster: its front, the kubelet of its nodes and its syncer."""
    # Imported late: the other subcommands must not pay for the whole server.
    from vgateway.app.run import run as serve

    raise typer.Exit(serve(load_config(config), config))
