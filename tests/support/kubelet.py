"""The nodes' port of a gateway, asked as a client in the tenant's cluster would, under any name of it."""

import http.client
import socket
import ssl
from dataclasses import dataclass

from tests.support.kubectl import Kubectl

PORT = 10250


@dataclass(frozen=True)
class KubeletPort:
    """Where the port is, the CA that its certificate is checked against, and who asks."""

    address: str
    authority: str
    token: str

    def ask(self, name: str, path: str) -> tuple[int, bytes]:
        """Return code and body; fails with ``ssl.SSLCertVerificationError`` when the certificate lacks the name."""
        context = ssl.create_default_context(cadata=self.authority)
        raw = socket.create_connection((self.address, PORT), timeout=60)
        with context.wrap_socket(raw, server_hostname=name) as secure:
            connection = http.client.HTTPConnection(name, PORT)
            connection.sock = secure
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def certifies(self, name: str) -> bool:
        """Say whether the certificate holds a name."""
        try:
            self.ask(name, "/healthz")
        except ssl.SSLCertVerificationError:
            return False
        return True


def kubelet_port(tenant: Kubectl, address: str, account: str, namespace: str = "default") -> KubeletPort:
    """Return the port with the token of a ServiceAccount."""
    authority = tenant.json("get", "configmap", "kube-root-ca.crt", "-n", "default")["data"]["ca.crt"]
    return KubeletPort(address, authority, tenant.ok("create", "token", account, "-n", namespace).strip())
