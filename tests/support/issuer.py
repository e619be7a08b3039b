"""A real OpenID Connect issuer: discovery and keys over TLS, and tokens signed by them."""

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.support.authority import Authority


class Issuer:
    """``keys`` are those it publishes, by name; ``asked`` counts how often it was asked for them."""

    def __init__(self, authority: Authority, address: str, port: int) -> None:
        self.url = f"https://{address}:{port}/realm"
        self.authority = authority.certificate.read_text()
        self.keys: dict[str, Any] = {}
        self.asked = 0

    def add_key(self, name: str, *, kind: str = "EC") -> None:
        """Publish a new key."""
        self.keys[name] = (
            ec.generate_private_key(ec.SECP256R1())
            if kind == "EC"
            else rsa.generate_private_key(public_exponent=65537, key_size=2048)
        )

    def token(self, key: str, *, signed_by: Any = None, seconds: float = 600, **claims: Any) -> str:
        """Return a token that says it is signed by ``key``, and is unless told otherwise."""
        private = signed_by or self.keys[key]
        algorithm = "ES256" if isinstance(private, ec.EllipticCurvePrivateKey) else "RS256"
        body = {"iss": self.url, "aud": "vgateway", "sub": "ann", "exp": int(time.time() + seconds), **claims}
        return jwt.encode(body, private, algorithm, headers={"kid": key})

    def answer(self, path: str) -> bytes | None:
        """Return the document at a path."""
        if path == "/realm/.well-known/openid-configuration":
            return orjson.dumps({"issuer": self.url, "jwks_uri": f"{self.url}/keys"})
        if path != "/realm/keys":
            return None
        self.asked += 1
        return orjson.dumps({"keys": [_public(name, key) for name, key in self.keys.items()]})


def _public(name: str, key: Any) -> dict[str, Any]:
    family = jwt.algorithms.ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else jwt.algorithms.RSAAlgorithm
    return {**family.to_jwk(key.public_key(), as_dict=True), "kid": name, "use": "sig"}


@contextmanager
def oidc_issuer(authority: Authority, address: str = "127.0.0.1") -> Iterator[Issuer]:
    """Serve at an address around the body."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = issuer.answer(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing."""

    pair = authority.issue("issuer", addresses=[IPv4Address(address)] if address != "127.0.0.1" else ())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    with ThreadingHTTPServer((address, 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        issuer = Issuer(authority, address, server.server_address[1])
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()
