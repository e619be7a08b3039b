"""Credentials out of a kubeconfig file.

Addresses, certificates and tokens are read here. Only a user that an exec plugin or an auth provider logs in needs
``kubernetes_asyncio``, which is not imported before: it costs 63 MB.
"""

import base64
import binascii
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from vgateway.errors import ConfigError
from vgateway.kube.credentials import (
    Authorization,
    Credentials,
    bearer,
    bearer_file,
    checked_server,
    checked_token,
    no_authorization,
    present,
    tls_context,
)
from vgateway.kube.files import read_text
from vgateway.kube.login import Login

Section = Mapping[str, Any]


def from_kubeconfig(path: Path, context: str = "") -> Credentials:
    """Read one context of a kubeconfig, the current one unless named; file names in it are relative to it.

    With an exec plugin or auth provider the credentials carry a ``login`` that must run (or be awaited once) before
    they are any good.
    """
    document = load(path)
    chosen = context or str(document.get("current-context") or "")
    names = _named(document, "contexts", "context", chosen, path)
    cluster = _named(document, "clusters", "cluster", str(names.get("cluster") or ""), path)
    user = _named(document, "users", "user", str(names["user"]), path) if names.get("user") else {}
    server = checked_server(str(cluster.get("server") or ""), f"{path}: clusters[].cluster.server")
    server_name = str(cluster["tls-server-name"]) if cluster.get("tls-server-name") else None
    tls = _tls(path, cluster) if server.startswith("https:") else None
    if "exec" in user or "auth-provider" in user:
        login = Login(path, document, chosen, tls)
        return Credentials(server, tls, login.authorization, server_name, login)
    if tls is not None:
        _present(path, user, tls)
    return Credentials(server, tls, _authorization(path, user), server_name)


def load(path: Path) -> Section:
    """Return the document in the file."""
    text = read_text(path)
    try:
        document = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe loaders
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict) or "clusters" not in document:
        raise ConfigError(f"{path}: expected a kubeconfig (kind: Config)")
    return document


def _named(document: Section, group: str, item: str, name: str, path: Path) -> Section:
    entries = document.get(group)
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and entry.get("name") == name:
            found = entry.get(item) or {}
            if isinstance(found, dict):
                return found
    raise ConfigError(f"{path}: {group} has no usable entry named {name!r}")


def _tls(path: Path, cluster: Section) -> ssl.SSLContext:
    data = _data(path, cluster, "certificate-authority-data")
    context = _trusting(path, cluster, data)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _trusting(path: Path, cluster: Section, data: bytes | None) -> ssl.SSLContext:
    if data is None:
        return tls_context(_file(path, cluster, "certificate-authority"))
    try:
        return tls_context(ca_data=data.decode("ascii"))
    except (ConfigError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: certificate-authority-data: no PEM certificate could be read") from error


def _present(path: Path, user: Section, context: ssl.SSLContext) -> None:
    certificate, key = _data(path, user, "client-certificate-data"), _data(path, user, "client-key-data")
    if certificate is not None and key is not None:
        present_data(context, certificate + b"\n" + key, f"{path}: client-certificate-data, client-key-data")
        return
    certificate_file = _file(path, user, "client-certificate")
    if certificate_file is not None:
        present(context, certificate_file, _file(path, user, "client-key"))


def present_data(context: ssl.SSLContext, pem: bytes, where: str) -> None:
    """Have the context show a certificate that is not in a file; OpenSSL's binding takes files only."""
    with tempfile.NamedTemporaryFile(prefix="vgateway-") as scratch:
        scratch.write(pem)
        scratch.flush()
        try:
            context.load_cert_chain(scratch.name)
        except (ssl.SSLError, ValueError) as error:
            raise ConfigError(f"{where}: no PEM certificate with its key could be read") from error


def _authorization(path: Path, user: Section) -> Authorization:
    token_file = _file(path, user, "tokenFile")
    if token_file is not None:
        return bearer_file(token_file)
    if user.get("token"):
        return bearer(checked_token(str(user["token"]), f"{path}: users[].user.token"))
    if user.get("username"):
        pair = f"{user['username']}:{user.get('password') or ''}"
        header = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return lambda: header
    return no_authorization


def _data(path: Path, section: Section, field: str) -> bytes | None:
    if not section.get(field):
        return None
    try:
        return base64.b64decode(str(section[field]), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ConfigError(f"{path}: {field}: not base64") from error


def _file(path: Path, section: Section, field: str) -> Path | None:
    return path.parent / str(section[field]) if section.get(field) else None
