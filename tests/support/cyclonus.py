"""Cyclonus, a simulator of NetworkPolicies that knows nothing of ours: which connections do these policies allow?"""

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from vgateway.local.paths import cache_home
from vgateway.local.programs import Program
from vgateway.local.progress import Progress
from vgateway.local.toolchain import ensure_built

MODULES = Path(__file__).parents[1] / "programs"
CYCLONUS = Program("cyclonus", "cyclonus", "github.com/mattfenwick/cyclonus/cmd/cyclonus", (0, 5), modules=MODULES)
ANSWER = re.compile(r"\| IS ALLOWED\? \|\s+(TRUE|FALSE)\s+\|")


@dataclass(frozen=True)
class End:
    """One end of a connection: an address, and the pod that has it; without a namespace it is outside the cluster."""

    ip: str
    namespace: str = ""
    namespace_labels: Mapping[str, str] | None = None
    labels: Mapping[str, str] | None = None

    @property
    def document(self) -> dict[str, Any]:
        pod = {
            "Namespace": self.namespace,
            "NamespaceLabels": self.namespace_labels or {},
            "PodLabels": self.labels or {},
        }
        return {"IP": self.ip, "Internal": pod if self.namespace else None}


@dataclass(frozen=True)
class Port:
    """Where a connection goes, as a number and as the name that the pod gives it."""

    number: int
    name: str = ""
    protocol: str = "TCP"


@dataclass(frozen=True)
class Connection:
    """Somebody who dials somebody."""

    source: End
    destination: End
    port: Port

    @property
    def document(self) -> dict[str, Any]:
        return {
            "Source": self.source.document,
            "Destination": self.destination.document,
            "ResolvedPort": self.port.number,
            "ResolvedPortName": self.port.name,
            "Protocol": self.port.protocol,
        }


def allowed(policies: Sequence[Mapping[str, Any]], connections: Sequence[Connection]) -> list[bool]:
    """Say of each connection whether it is allowed; one process answers for them all."""
    program = ensure_built(CYCLONUS, cache_home(os.environ), Progress())
    with tempfile.TemporaryDirectory() as directory:
        asked, said = Path(directory) / "traffic.json", Path(directory) / "policies.yaml"
        asked.write_bytes(orjson.dumps([connection.document for connection in connections]))
        header = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicyList"}
        said.write_bytes(orjson.dumps({**header, "items": list(policies)}))
        arguments = ["analyze", "--mode=query-traffic", f"--policy-path={said}", f"--traffic-path={asked}"]
        ran = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=600)
    assert ran.returncode == 0, ran.stderr[-2000:]
    answers = [found == "TRUE" for found in ANSWER.findall(ran.stdout)]
    assert len(answers) == len(connections)
    return answers
