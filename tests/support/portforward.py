"""A running ``kubectl port-forward``, and the local port it chose."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.kubectl import Kubectl

FORWARDING = re.compile(rb"Forwarding from 127\.0\.0\.1:(\d+)")


@contextmanager
def port_forward(kubectl: Kubectl, namespace: str, target: str, port: int) -> Iterator[int]:
    """Forward a free local port around the body; yields the port."""
    with kubectl.started(
        "port-forward", "-n", namespace, target, f":{port}", "--address=127.0.0.1", stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = FORWARDING.search(line)
        assert found, line
        yield int(found[1])
