"""The client of tunnels and watches: blocking sockets in the benchmark's own process."""

import contextlib
import socket
import ssl
from collections.abc import Iterator

from benchmarks.place import AUTHORIZATION, EXEC, HOST, WATCH, client_tls
from benchmarks.processes import BenchmarkError
from benchmarks.stream_peer import BLOCK, count

ANSWERS_WITHIN = 30.0


def pull(port: int, size: int) -> int:
    """Have ``size`` bytes sent through a tunnel to us; return how many arrived before it ended."""
    with _upgraded(port, f"{EXEC}?down={size}") as tunnel:
        return count(tunnel, size + 1)


def push(port: int, size: int) -> int:
    """Send ``size`` bytes through a tunnel; return how many the other end received."""
    with _upgraded(port, f"{EXEC}?up={size}") as tunnel:
        for sent in range(0, size, len(BLOCK)):
            tunnel.sendall(BLOCK[: size - sent])
        answer = b""
        while len(answer) < 8 and (received := tunnel.recv(8)):
            answer += received
        return int.from_bytes(answer, "big")


@contextlib.contextmanager
def watches(port: int, number: int) -> Iterator[None]:
    """Hold ``number`` watches open around the body, each on a connection of its own and past its first event."""
    tls = client_tls()
    with contextlib.ExitStack() as stack:
        for _ in range(number):
            stream = stack.enter_context(_connect(port, tls))
            stream.sendall(_request("GET", WATCH))
            _read_until(stream, b"}\n")
        yield


@contextlib.contextmanager
def _upgraded(port: int, target: str) -> Iterator[ssl.SSLSocket]:
    with _connect(port, client_tls()) as tunnel:
        tunnel.sendall(_request("POST", target, "Connection: Upgrade", "Upgrade: SPDY/3.1", "Content-Length: 0"))
        head = _read_head(tunnel)
        if not head.startswith(b"HTTP/1.1 101 "):
            raise BenchmarkError(f"no tunnel: {head[:200]!r}")
        yield tunnel


def _connect(port: int, tls: ssl.SSLContext) -> ssl.SSLSocket:
    plain = socket.create_connection((HOST, port), timeout=ANSWERS_WITHIN)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return tls.wrap_socket(plain)


def _request(method: str, target: str, *more: str) -> bytes:
    lines = (f"{method} {target} HTTP/1.1", f"Host: {HOST}", f"Authorization: {AUTHORIZATION}", *more, "", "")
    return "\r\n".join(lines).encode()


def _read_head(stream: ssl.SSLSocket) -> bytes:
    """Read byte by byte: what follows the head is the tunnel's."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = stream.recv(1)
        if not byte:
            raise BenchmarkError(f"the connection ended in the answer's head: {head[:200]!r}")
        head += byte
    return head


def _read_until(stream: ssl.SSLSocket, end: bytes) -> None:
    received = b""
    while end not in received:
        more = stream.recv(65536)
        if not more:
            raise BenchmarkError(f"a watch ended early: {received[:200]!r}")
        received += more
