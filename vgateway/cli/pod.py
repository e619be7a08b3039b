"""``vgateway pod``: what containers of a virtual cluster's own pod run before its programs. Not typed by people."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from vgateway.errors import ApiError, ConfigError
from vgateway.install.layout import CONFIG, RUN, Release
from vgateway.install.prepare import Place, prepare, settle

app = typer.Typer(no_args_is_help=True, help="Steps of a virtual cluster's own pod.")

Run = Annotated[Path, typer.Option(help="The directory that the containers of the pod share.")]


@app.command("prepare")
def prepare_pod(
    name: Annotated[str, typer.Option(envvar="VGATEWAY_NAME", help="The virtual cluster.")],
    namespace: Annotated[str, typer.Option(envvar="VGATEWAY_NAMESPACE", help="The host namespace.")],
    address: Annotated[str, typer.Option(envvar="VGATEWAY_ADDRESS", help="The pod's address.")],
    config: Annotated[Path, typer.Option(help="The values of the installation.")] = Path(CONFIG),
    run: Run = Path(RUN),
) -> None:
    """Make certificates, kubeconfigs and the gateway's configuration."""
    try:
        asyncio.run(prepare(Place(Release(name, namespace), address, config, run)))
    except ApiError as error:
        raise ConfigError(f"the host API server: {error}") from error


@app.command("settle")
def settle_pod(run: Run = Path(RUN)) -> None:
    """Tell the virtual API server what it has to know of the gateway."""
    settle(run)
