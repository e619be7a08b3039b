"""Who the process is to each API server, and by which certificates it is known: read from the files that are named."""

import os
from urllib.parse import urlsplit

from vgateway.config.gateway import Gateway, GatewayTls, HostCluster, VirtualCluster
from vgateway.kube.credentials import Credentials, from_files, from_pod
from vgateway.kube.kubeconfig import from_kubeconfig
from vgateway.supervisor import Runnable
from vgateway.wire.issuing import AuthorityFiles
from vgateway.wire.server import TlsFiles
from vgateway.wire.upstream import Upstream


def virtual_credentials(gateway: Gateway) -> Credentials:
    """Read the syncer's identity in the virtual cluster."""
    virtual = gateway.virtual_cluster
    return from_files(
        virtual.server,
        ca_file=virtual.certificate_authority,
        client_certificate=virtual.client_certificate,
        client_key=virtual.client_key,
    )


def host_credentials(host: HostCluster) -> Credentials:
    """Read the gateway's identity on the host: a kubeconfig, or the service account of the pod we run in."""
    return from_kubeconfig(host.kubeconfig) if host.kubeconfig else from_pod(os.environ)


def front_credentials(gateway: Gateway) -> tuple[Credentials, Credentials]:
    """Return the way on which a token speaks for itself, and the one on which we vouch for a name."""
    virtual = gateway.virtual_cluster
    plain = from_files(virtual.server, ca_file=virtual.certificate_authority)
    vouching = from_files(
        virtual.server,
        ca_file=virtual.certificate_authority,
        client_certificate=virtual.front_proxy_certificate,
        client_key=virtual.front_proxy_key,
    )
    return plain, vouching


def front_proxies(virtual: VirtualCluster) -> AuthorityFiles:
    """Return who signs our certificate, and who has signed those of the virtual cluster's front proxies."""
    assert virtual.authority_key is not None
    assert virtual.front_proxy_ca is not None
    return AuthorityFiles(virtual.certificate_authority, virtual.authority_key, virtual.front_proxy_ca)


def upstream_of(credentials: Credentials, hop: str) -> Upstream:
    """Return the pool of one API server's address."""
    address = urlsplit(credentials.server)
    return Upstream(
        address.hostname or "",
        address.port or 443,
        credentials.ssl_context,
        server_hostname=credentials.server_name,
        authorization=credentials.authorization,
        hop=hop,
    )


def tls_files(tls: GatewayTls) -> TlsFiles:
    """Name the files of a listener."""
    return TlsFiles(tls.certificate, tls.key, tls.client_ca)


def logins(*credentials: Credentials) -> list[Runnable]:
    """Return what must run so that the credentials stay good."""
    return [each.login for each in credentials if each.login is not None]
