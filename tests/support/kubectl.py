"""Real kubectl, as a user runs it: what it prints, and its exit code."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

DEADLINE = 120.0

SPDY: Mapping[str, str] = {
    "KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false",
    "KUBECTL_PORT_FORWARD_WEBSOCKETS": "false",
}
WEBSOCKET: Mapping[str, str] = {
    "KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "true",
    "KUBECTL_PORT_FORWARD_WEBSOCKETS": "true",
}


@dataclass(frozen=True)
class Kubectl:
    """One kubectl binary with one kubeconfig."""

    program: Path
    kubeconfig: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def speaking(self, protocol: Mapping[str, str]) -> "Kubectl":
        """Return the same kubectl, made to use SPDY or WebSocket for its streams."""
        return Kubectl(self.program, self.kubeconfig, {**self.environment, **protocol})

    def run(
        self, *arguments: str, stdin: bytes | None = None, deadline: float = DEADLINE
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run to the end, whatever the exit code."""
        return subprocess.run(
            self._command(arguments),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=deadline,
            env=self._environ(),
            check=False,
        )

    def ok(self, *arguments: str, stdin: bytes | None = None, deadline: float = DEADLINE) -> str:
        """Run to the end; fail the test with kubectl's own words unless it succeeds."""
        done = self.run(*arguments, stdin=stdin, deadline=deadline)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}\n{done.stdout.decode()}{done.stderr.decode()}"
        return done.stdout.decode()

    def json(self, *arguments: str) -> Any:
        """Run with ``-o json`` and decode what it prints."""
        return orjson.loads(self.ok(*arguments, "-o", "json"))

    def apply(self, *objects: Mapping[str, Any], arguments: tuple[str, ...] = ()) -> str:
        """Apply objects given as plain data."""
        document = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        return self.ok("apply", *arguments, "-f", "-", stdin=orjson.dumps(document))

    @contextmanager
    def started(self, *arguments: str, **options: Any) -> Iterator["subprocess.Popen[bytes]"]:
        """Run in the background around the body, and end it with the body."""
        streams: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(self._command(arguments), env=self._environ(), **{**streams, **options})
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return [str(self.program), "--kubeconfig", str(self.kubeconfig), *arguments]

    def _environ(self) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin", "HOME": str(self.kubeconfig.parent), **self.environment}
