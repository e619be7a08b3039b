"""The nodes' port of a gateway, asked as a client in the tenant's cluster would, under any name of it."""

import http.client
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
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
        return self.ask_over(socket.create_connection((self.address, PORT), timeout=60), name, path)

    def ask_over(self, connection: socket.socket, name: str, path: str) -> tuple[int, bytes]:
        """Return code and body, over a connection that leads to the port."""
        context = ssl.create_default_context(cadata=self.authority)
        with context.wrap_socket(connection, server_hostname=name) as secure:
            client = http.client.HTTPConnection(name, PORT)
            client.sock = secure
            client.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
            answer = client.getresponse()
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


@contextmanager
def dialled_in_pod(tenant: Kubectl, namespace: str, pod: str, name: str) -> Iterator[socket.socket]:
    """Give a connection that a program in a pod has made to a node's kubelet, by the pod's own DNS and network."""
    ours, theirs = socket.socketpair()
    ours.settimeout(60)
    arguments = ("exec", "-i", "-n", namespace, pod, "--", "nc", name, str(PORT))
    with ours, theirs, tenant.started(*arguments, stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL):
        theirs.close()
        yield ours
