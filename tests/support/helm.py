"""Real Helm, built from its pinned module, as somebody runs it who has rights in one namespace."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from vgateway.local.paths import cache_home
from vgateway.local.programs import Program
from vgateway.local.progress import Progress
from vgateway.local.toolchain import ensure_built

MODULES = Path(__file__).parents[1] / "programs"
HELM = Program("helm", "helm", "helm.sh/helm/v3/cmd/helm", (3, 22), version_arguments=("version",), modules=MODULES)
CHART = Path(__file__).parents[2] / "deploy" / "helm" / "vgateway"
DEADLINE = 600.0


@dataclass(frozen=True)
class Helm:
    """One helm; ``kubeconfig`` is None for what needs no cluster, ``home`` is where it keeps its own files."""

    program: Path
    home: Path
    kubeconfig: Path | None = None

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run to the end, whatever the exit code."""
        cluster = ("--kubeconfig", str(self.kubeconfig)) if self.kubeconfig else ()
        return subprocess.run(
            [str(self.program), *cluster, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.home)},
            check=False,
        )

    def ok(self, *arguments: str) -> str:
        """Run to the end; fail the test with helm's own words unless it succeeds."""
        done = self.run(*arguments)
        assert done.returncode == 0, f"helm {' '.join(arguments)}\n{done.stdout}{done.stderr}"
        return done.stdout


def helm_program() -> Path:
    """Return the path of helm, building it unless that was done before."""
    return ensure_built(HELM, cache_home(os.environ), Progress())
