"""A DNS client that runs in a network namespace: real packets over UDP or TCP, from where a pod would send them.

As a program it reads questions as JSON lines (server, name, type, tcp) and prints each reply as a JSON line.
"""

import secrets
import select
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

TYPES = {"A": 1, "CNAME": 5, "SOA": 6, "PTR": 12, "TXT": 16, "AAAA": 28, "SRV": 33}
NAMES = {number: name for name, number in TYPES.items()}
CODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}
PATIENCE = 2.0
TRIES = 5
"""How often a client asks again, as the resolver of a C library does."""


@dataclass(frozen=True)
class Record:
    """One record of an answer; ``data`` is an address, a name, or priority, weight, port and name."""

    name: str
    type: str
    ttl: int
    data: str


@dataclass(frozen=True)
class Reply:
    """What a server said; ``code`` is LOST when it said nothing in all tries."""

    code: str
    records: tuple[Record, ...] = ()
    tries: int = 1

    @property
    def data(self) -> list[str]:
        """The data of the records, sorted."""
        return sorted(record.data for record in self.records)


@dataclass(frozen=True)
class Resolver:
    """Asks one name server from within a network namespace."""

    namespace: str
    server: str

    def ask(self, name: str, kind: str = "A", *, tcp: bool = False) -> Reply:
        """Ask one question."""
        return self.ask_all([(name, kind, tcp)])[0]

    def ask_all(self, questions: list[tuple[str, str, bool]]) -> list[Reply]:
        """Ask questions one after the other."""
        lines = b"".join(orjson.dumps([self.server, *question]) + b"\n" for question in questions)
        done = subprocess.run(self._command(), input=lines, capture_output=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return [_reply(orjson.loads(line)) for line in done.stdout.splitlines()]

    @contextmanager
    def load(self, questions: list[tuple[str, str, bool]], into: list[Reply]) -> Iterator[None]:
        """Ask the questions again and again around the body; afterwards ``into`` holds every reply."""
        command = self._command("again")
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdin is not None
            process.stdin.write(orjson.dumps([[self.server, *question] for question in questions]) + b"\n")
            process.stdin.flush()
            try:
                yield
            finally:
                out, errors = process.communicate(b"\n")
        assert process.returncode == 0, errors.decode()
        into += [_reply(orjson.loads(line)) for line in out.splitlines()]

    def _command(self, *arguments: str) -> list[str]:
        enter = ["nsenter", f"--net=/run/netns/{self.namespace}"]
        return [*enter, sys.executable, str(Path(__file__).resolve()), *arguments]


def _reply(document: dict[str, Any]) -> Reply:
    return Reply(document["code"], tuple(Record(**one) for one in document["records"]), document["tries"])


def ask(server: str, name: str, kind: str, tcp: bool) -> Reply:
    """Ask until there is a reply to this very question."""
    for number in range(1, TRIES + 1):
        identity = secrets.randbelow(1 << 16)
        question = struct.pack("!6H", identity, 0x0100, 1, 0, 0, 0) + encoded(name) + struct.pack("!2H", TYPES[kind], 1)
        try:
            answer = (_over_tcp if tcp else _over_udp)(server, question)
        except OSError:
            continue
        if answer[:2] == question[:2]:
            return Reply(*_decoded(answer), number)
    return Reply("LOST", (), TRIES)


def _over_udp(server: str, question: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.settimeout(PATIENCE)
        channel.connect((server, 53))
        channel.send(question)
        return channel.recv(65535)


def _over_tcp(server: str, question: bytes) -> bytes:
    with socket.create_connection((server, 53), PATIENCE) as channel:
        channel.sendall(struct.pack("!H", len(question)) + question)
        with channel.makefile("rb") as stream:
            (length,) = struct.unpack("!H", stream.read(2).ljust(2, b"\0"))
            return stream.read(length)


def encoded(name: str) -> bytes:
    """Return a name as messages have it."""
    labels = [label.encode() for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _decoded(message: bytes) -> tuple[str, tuple[Record, ...]]:
    """Return the code and the records of the answer section (RFC 1035, 4.1)."""
    _, flags, questions, answers, _, _ = struct.unpack_from("!6H", message)
    at = 12
    for _ in range(questions):
        at = _name(message, at)[1] + 4
    found = []
    for _ in range(answers):
        name, at = _name(message, at)
        kind, _, ttl, length = struct.unpack_from("!2HIH", message, at)
        found.append(Record(name, NAMES.get(kind, str(kind)), ttl, _data(message, at + 10, length, kind)))
        at += 10 + length
    return CODES.get(flags & 15, str(flags & 15)), tuple(found)


def _data(message: bytes, at: int, length: int, kind: int) -> str:
    match NAMES.get(kind):
        case "A":
            return socket.inet_ntop(socket.AF_INET, message[at : at + 4])
        case "AAAA":
            return socket.inet_ntop(socket.AF_INET6, message[at : at + 16])
        case "PTR" | "CNAME":
            return _name(message, at)[0]
        case "SRV":
            return " ".join([*map(str, struct.unpack_from("!3H", message, at)), _name(message, at + 6)[0]])
    return message[at : at + length].hex()


def _name(message: bytes, at: int) -> tuple[str, int]:
    """Return a name and where it ends; a pointer ends it here and goes on there."""
    labels, end = [], 0
    while length := message[at]:
        if length >= 0xC0:
            end = end or at + 2
            at = struct.unpack_from("!H", message, at)[0] & 0x3FFF
            continue
        labels.append(message[at + 1 : at + 1 + length].decode())
        at += 1 + length
    return ".".join(labels), end or at + 1


def main() -> None:
    """Answer the lines of standard input; with an argument, ask all questions of the first line until the second."""
    if len(sys.argv) < 2:
        for line in sys.stdin.buffer:
            _print(ask(*orjson.loads(line)))
        return
    questions = orjson.loads(sys.stdin.buffer.readline())
    while not select.select([sys.stdin], [], [], 0.01)[0]:
        for question in questions:
            _print(ask(*question))


def _print(reply: Reply) -> None:
    sys.stdout.buffer.write(orjson.dumps(asdict(reply)) + b"\n")


if __name__ == "__main__":
    main()
