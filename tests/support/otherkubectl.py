"""kubectl of other releases than the cluster's: those that Kubernetes supports beside it, and the oldest we promise."""

import os
from collections.abc import Mapping
from pathlib import Path

from vgateway.local.paths import cache_home
from vgateway.local.programs import Program
from vgateway.local.progress import Progress
from vgateway.local.toolchain import ensure_built

MODULES = Path(__file__).parents[1] / "programs"


def _kubectl(minor: int, patch: int) -> Program:
    version = "k8s.io/component-base/version"
    stamp = f"-X {version}.gitVersion=v1.{minor}.{patch} -X {version}.gitMajor=1 -X {version}.gitMinor={minor}"
    return Program("kubectl", f"kubectl-1.{minor}", ".", (1, minor), stamp, modules=MODULES)


OTHERS: Mapping[str, Program] = {"1.33": _kubectl(33, 13), "1.37": _kubectl(37, 2)}
"""By release; what they are built from is pinned in ``tests/programs``."""


def other_kubectl(release: str) -> Path:
    """Return the program, built unless that was done before."""
    return ensure_built(OTHERS[release], cache_home(os.environ), Progress())
