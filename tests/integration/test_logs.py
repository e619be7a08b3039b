"""``kubectl logs`` through the gateway, option by option, against what the container wrote."""

import pytest

from tests.integration.conftest import with_namespace
from tests.support.eventually import eventually
from tests.support.kubectl import Kubectl
from tests.support.manifests import container, shell_pod

pytestmark = pytest.mark.cluster

COUNT = 'for i in 1 2 3 4 5 6 7 8 9 10; do echo "line $i"; done'


def counted(tenant: Kubectl, namespace: str, *options: str) -> str:
    return tenant.ok("logs", "-n", namespace, "counter", *options)


@pytest.fixture
def counter(tenant: Kubectl, namespace: str) -> str:
    pod = shell_pod(
        "counter",
        container("main", f"{COUNT}; sleep 3600"),
        container("other", "echo other; sleep 3600"),
        terminationGracePeriodSeconds=0,
    )
    tenant.apply(with_namespace(pod, namespace))
    tenant.ok("wait", "-n", namespace, "pod/counter", "--for=condition=Ready", "--timeout=180s")
    eventually(lambda: counted(tenant, namespace, "-c", "main"), lambda text: "line 10" in text)
    return namespace


def test_every_option_of_logs_shows_what_the_container_wrote(tenant: Kubectl, counter: str) -> None:
    lines = [f"line {i}\n" for i in range(1, 11)]

    assert counted(tenant, counter, "-c", "main") == "".join(lines)
    assert counted(tenant, counter, "-c", "main", "--tail=2") == "".join(lines[-2:])
    assert counted(tenant, counter, "-c", "main", "--limit-bytes=10") == "".join(lines)[:10]
    assert counted(tenant, counter, "-c", "main", "--since=1h") == "".join(lines)
    assert counted(tenant, counter, "-c", "main", "--since-time=2001-01-01T00:00:00Z") == "".join(lines)
    assert counted(tenant, counter, "-c", "other") == "other\n"
    assert counted(tenant, counter, "--all-containers", "--prefix").count("[pod/counter/main] line") == 10


def test_timestamps_precede_each_line(tenant: Kubectl, counter: str) -> None:
    first = counted(tenant, counter, "-c", "main", "--timestamps").splitlines()[0]

    stamp, text = first.split(" ", 1)
    assert stamp.endswith("Z")
    assert stamp[4] == "-"
    assert text == "line 1"


def test_the_first_container_is_the_default_and_kubectl_says_so(tenant: Kubectl, counter: str) -> None:
    done = tenant.run("logs", "-n", counter, "counter", "--tail=1")

    assert done.stdout == b"line 10\n"
    assert b'Defaulted container "main"' in done.stderr


def test_a_container_that_the_pod_does_not_have_is_refused_in_virtual_names(tenant: Kubectl, counter: str) -> None:
    done = tenant.run("logs", "-n", counter, "counter", "-c", "sidecar")

    assert done.returncode == 1
    assert b"container sidecar is not valid for pod counter" in done.stderr


def test_following_shows_lines_as_they_are_written_and_ends_with_the_container(tenant: Kubectl, namespace: str) -> None:
    script = "echo first; until test -e /tmp/go; do sleep 0.1; done; echo second"
    pod = shell_pod("ticker", container("main", script), restartPolicy="Never")
    tenant.apply(with_namespace(pod, namespace))
    tenant.ok("wait", "-n", namespace, "pod/ticker", "--for=condition=Ready", "--timeout=180s")

    with tenant.started("logs", "-f", "-n", namespace, "ticker") as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == b"first\n"
        tenant.ok("exec", "-n", namespace, "ticker", "--", "touch", "/tmp/go")
        assert follower.stdout.readline() == b"second\n"
        assert follower.stdout.read() == b""
        assert follower.wait(timeout=60) == 0


def test_previous_shows_the_container_before_its_restart(tenant: Kubectl, namespace: str) -> None:
    script = "if test -e /state/ran; then echo again; sleep 3600; else touch /state/ran; echo once; exit 1; fi"
    pod = shell_pod(
        "restarted",
        container("main", script, volumeMounts=[{"name": "state", "mountPath": "/state"}]),
        volumes=[{"name": "state", "emptyDir": {}}],
        terminationGracePeriodSeconds=0,
    )
    tenant.apply(with_namespace(pod, namespace))

    eventually(lambda: tenant.run("logs", "-n", namespace, "restarted").stdout, lambda text: text == b"again\n")
    assert tenant.ok("logs", "-n", namespace, "restarted", "--previous") == "once\n"
