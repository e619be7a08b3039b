"""A kubeconfig user that an exec plugin or an auth provider logs in, kept logged in.

The only place that imports ``kubernetes_asyncio``, and not before it is needed: it costs 63 MB.
"""

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import structlog

from vgateway.errors import ConfigError

log = structlog.get_logger(__name__)

# Tokens of cloud providers live 15 minutes and more, and the plugins keep them: asking again is cheap.
REFRESH_SECONDS = 300.0
RETRY_SECONDS = 30.0


class Login:
    """Runnable: logs in at once and again before what it got can have expired."""

    def __init__(self, path: Path, document: Mapping[str, Any], context: str, tls: ssl.SSLContext | None) -> None:
        self.name = f"login by {path.name}"
        self.ready = asyncio.Event()
        self._path = path
        self._document = document
        self._context = context
        self._tls = tls
        self._header: str | None = None

    def authorization(self) -> str | None:
        """Return the present ``Authorization`` header; None before the first login or with certificates only."""
        return self._header

    async def run(self) -> None:
        """Stay logged in; what we have is kept while a plugin fails."""
        while True:
            try:
                await self.refresh()
                wait = REFRESH_SECONDS
            except ConfigError as error:
                if not self.ready.is_set():
                    raise
                log.warning("login failed", error=str(error))
                wait = RETRY_SECONDS
            await asyncio.sleep(wait)

    async def refresh(self) -> None:
        """Log in once; ConfigError with the plugin's words if that fails."""
        # Imported here because hardly anybody needs it and it costs 63 MB.
        from kubernetes_asyncio.config import ConfigException
        from kubernetes_asyncio.config.kube_config import KubeConfigLoader

        got = SimpleNamespace(api_key={}, cert_file=None, key_file=None, refresh_api_key_hook=None)
        loader = KubeConfigLoader(self._document, self._context, config_base_path=str(self._path.parent))
        try:
            await loader.load_and_set(got)
        except (ConfigException, OSError, ValueError, KeyError, RuntimeError) as error:
            raise ConfigError(f"{self._path}: login failed: {' '.join(str(error).split())}") from error
        self._header = got.api_key.get("BearerToken")
        if self._tls is not None and got.cert_file and got.key_file:
            self._tls.load_cert_chain(got.cert_file, got.key_file)
        self.ready.set()
