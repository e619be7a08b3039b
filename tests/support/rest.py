"""Single requests with the credentials of a kubeconfig, where kubectl would not put it that way."""

import base64
import http.client
import ssl
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from tests.support.kubectl import Kubectl


def rest(
    kubectl: Kubectl, method: str, path: str, body: bytes, content_type: str, *, accept: str
) -> tuple[int, str, bytes]:
    """Make one request; return status code, content type and body of the answer."""
    document = yaml.safe_load(kubectl.kubeconfig.read_text())
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    address = urlsplit(cluster["server"])
    with tempfile.TemporaryDirectory() as place:
        context = ssl.create_default_context(cafile=_file(cluster, "certificate-authority", place))
        if "client-certificate" in user or "client-certificate-data" in user:
            context.load_cert_chain(_file(user, "client-certificate", place), _file(user, "client-key", place))
    connection = http.client.HTTPSConnection(address.hostname or "", address.port, timeout=120, context=context)
    headers = {"Content-Type": content_type, "Accept": accept}
    if "token" in user:
        headers["Authorization"] = f"Bearer {user['token']}"
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    found = answer.status, answer.headers.get_content_type(), answer.read()
    connection.close()
    return found


def _file(section: dict[str, str], name: str, place: str) -> str:
    """Return the path of a file that a kubeconfig names or holds."""
    if name in section:
        return section[name]
    path = Path(place) / name
    path.write_bytes(base64.b64decode(section[f"{name}-data"]))
    return str(path)
