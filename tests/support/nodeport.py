"""A virtual node's own port, as Prometheus or a metrics-server dials it: HTTPS, a token, the node's host name."""

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class NodePort:
    """One node at the gateway's address. The certificate is not looked at: whose it is, other tests ask."""

    address: str
    host: str

    def ask(
        self, method: str, path: str, token: str = "", headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Make one request and return the code and the whole body; IncompleteRead for a body that is cut."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(self.address, 10250, context=context, timeout=60)
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            connection.request(method, path, headers={"Host": f"{self.host}:10250", **bearer, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()
