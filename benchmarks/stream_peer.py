"""The upstream of tunnels and watches, a process of its own: ``python -m benchmarks.stream_peer``.

Blocking sockets, one thread each: bulk data then costs little more than its encryption. An upgrade's query says what
follows its 101: ``down=N``, N bytes and the end of the stream; ``up=N``, N bytes are read and their number (8 bytes,
big-endian) is the answer. A watch gets one event and then silence until its client goes.
"""

import argparse
import contextlib
import re
import socket
import ssl
import threading
from pathlib import Path

from benchmarks.place import HOST

BLOCK = memoryview(bytes(256 * 1024))
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n"
EVENT = b'{"type":"ADDED","object":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"small"}}}\n'
WATCHED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
_TUNNEL = re.compile(rb"^[A-Z]+ \S*[?&](down|up)=(\d+)")


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    for name in ("certificate", "key", "client-ca"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(options.certificate, options.key)
    tls.load_verify_locations(options.client_ca)
    tls.verify_mode = ssl.CERT_OPTIONAL
    with socket.create_server((HOST, options.port), backlog=2048) as listener:
        while True:
            plain, _ = listener.accept()
            threading.Thread(target=_serve, args=(plain, tls), daemon=True).start()


def _serve(plain: socket.socket, tls: ssl.SSLContext) -> None:
    # A client that goes is the normal end of a watch.
    with contextlib.suppress(OSError), tls.wrap_socket(plain, server_side=True) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = _head(stream)
        tunnel = _TUNNEL.match(head)
        if tunnel is None:
            _watch(stream)
        elif tunnel[1] == b"down":
            stream.sendall(SWITCH)
            _send(stream, int(tunnel[2]))
        else:
            stream.sendall(SWITCH)
            stream.sendall(count(stream, int(tunnel[2])).to_bytes(8, "big"))
        _end(stream)


def _head(stream: ssl.SSLSocket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        received = stream.recv(65536)
        if not received:
            raise ConnectionResetError("gone before its request was whole")
        head += received
    return head


def _watch(stream: ssl.SSLSocket) -> None:
    stream.sendall(WATCHED + f"{len(EVENT):x}\r\n".encode() + EVENT + b"\r\n")
    stream.recv(1)


def _send(stream: ssl.SSLSocket, size: int) -> None:
    for sent in range(0, size, len(BLOCK)):
        stream.sendall(BLOCK[: size - sent])


def count(stream: ssl.SSLSocket, expected: int) -> int:
    """Read until ``expected`` bytes have come or the stream ends; return how many came."""
    buffer = bytearray(256 * 1024)
    received = 0
    while received < expected and (got := stream.recv_into(buffer)):
        received += got
    return received


def _end(stream: ssl.SSLSocket) -> None:
    """End the TLS stream and close without waiting, as a Go server does: what was sent before must still arrive."""
    stream.setblocking(False)
    with contextlib.suppress(ssl.SSLWantReadError):
        stream.unwrap()


if __name__ == "__main__":
    main()
