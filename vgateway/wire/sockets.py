"""What the kernel knows of a transport's socket: is the output out, is the peer alive."""

import asyncio
import fcntl
import socket
import struct
import termios


def everything_acknowledged(transport: asyncio.Transport) -> bool:
    """Whether the peer's kernel has all that was ever written: closing can then lose nothing."""
    if transport.get_write_buffer_size():
        return False
    peer: socket.socket = transport.get_extra_info("socket")
    packed = fcntl.ioctl(peer.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
    return bool(struct.unpack("i", packed)[0] == 0)


def keep_alive(
    transport: asyncio.BaseTransport,
    *,
    idle_seconds: int = 15,
    interval_seconds: int = 15,
    probes: int = 4,
    unacknowledged_seconds: int = 0,
) -> None:
    """Let the kernel notice a peer that vanished: ``idle_seconds`` + ``interval_seconds`` x ``probes`` later.

    With ``unacknowledged_seconds`` also one that owes acknowledgements for so long, or reads nothing for so long;
    0 leaves that to the kernel, which tries for some 15 minutes.
    """
    peer: socket.socket | None = transport.get_extra_info("socket")
    if peer is None or peer.family not in (socket.AF_INET, socket.AF_INET6):
        return
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle_seconds)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval_seconds)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, probes)
    if unacknowledged_seconds:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, unacknowledged_seconds * 1000)
