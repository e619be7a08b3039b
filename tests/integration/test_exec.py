"""``kubectl exec``, ``attach`` and ``cp`` through the gateway, over SPDY and over WebSocket."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.integration.conftest import with_namespace
from tests.support.eventually import eventually
from tests.support.kubectl import SPDY, WEBSOCKET, Kubectl
from tests.support.manifests import container, shell_pod

pytestmark = pytest.mark.cluster

both_protocols = pytest.mark.parametrize(
    "protocol", [pytest.param(SPDY, id="SPDY"), pytest.param(WEBSOCKET, id="WebSocket")]
)

Shell = tuple[str, str]


@both_protocols
def test_output_errors_and_the_exit_code_arrive_apart(
    tenant: Kubectl, shell: Shell, protocol: Mapping[str, str]
) -> None:
    namespace, pod = shell
    script = "echo out; echo err >&2; exit 7"

    done = tenant.speaking(protocol).run("exec", "-n", namespace, pod, "--", "sh", "-c", script)

    assert done.stdout == b"out\n"
    assert done.stderr == b"err\ncommand terminated with exit code 7\n"
    assert done.returncode == 7


@both_protocols
def test_the_end_of_input_reaches_the_program_while_its_output_still_comes(
    tenant: Kubectl, shell: Shell, protocol: Mapping[str, str]
) -> None:
    namespace, pod = shell
    script = "cat; echo after the end of input"

    done = tenant.speaking(protocol).run(
        "exec", "-i", "-n", namespace, pod, "--", "sh", "-c", script, stdin=b"all of it\n"
    )

    assert done.stdout == b"all of it\nafter the end of input\n"
    assert done.returncode == 0


@both_protocols
def test_arguments_arrive_one_by_one_with_every_byte(
    tenant: Kubectl, shell: Shell, protocol: Mapping[str, str]
) -> None:
    namespace, pod = shell
    arguments = ["a b", "c&d=e", "100%", "ü", "+", "", "a;b"]

    done = tenant.speaking(protocol).run(
        "exec", "-n", namespace, pod, "--", "sh", "-c", 'printf "<%s>" "$@"', "x", *arguments
    )

    assert done.stdout.decode() == "".join(f"<{argument}>" for argument in arguments)


@both_protocols
def test_a_terminal_has_the_users_size_and_follows_it(
    tenant: Kubectl, shell: Shell, protocol: Mapping[str, str]
) -> None:
    namespace, pod = shell
    ours, theirs = pty.openpty()
    resize(ours, rows=31, columns=97)

    with tenant.speaking(protocol).started(
        "exec", "-it", "-n", namespace, pod, "--", "sh",
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        eventually(lambda: answer(ours, b"stty size"), lambda text: b"31 97" in text)
        resize(ours, rows=40, columns=120)
        process.send_signal(signal.SIGWINCH)
        eventually(lambda: answer(ours, b"stty size"), lambda text: b"40 120" in text)
        os.write(ours, b"exit 3\r")
        assert process.wait(timeout=60) == 3
    os.close(ours)


def resize(terminal: int, rows: int, columns: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def answer(terminal: int, command: bytes) -> bytes:
    """Type a command followed by a mark of its own, and return what the terminal shows up to that mark."""
    os.write(terminal, command + b"; echo en''d\r")
    seen = b""
    while b"end" not in seen.replace(b"en''d", b""):
        seen += os.read(terminal, 4096)
    return seen


@both_protocols
def test_attach_talks_to_the_containers_own_process(
    tenant: Kubectl, namespace: str, protocol: Mapping[str, str]
) -> None:
    script = "while read line; do echo heard $line; done; echo input ended"
    pod = shell_pod("echo", container("main", script, stdin=True, stdinOnce=True), restartPolicy="Never")
    tenant.apply(with_namespace(pod, namespace))
    tenant.ok("wait", "-n", namespace, "pod/echo", "--for=condition=Ready", "--timeout=180s")

    done = tenant.speaking(protocol).run("attach", "-i", "-n", namespace, "echo", stdin=b"one\ntwo\n")

    assert b"heard one\nheard two\n" in done.stdout
    finished = eventually(lambda: tenant.ok("logs", "-n", namespace, "echo"), lambda text: "input ended" in text)
    assert finished == "heard one\nheard two\ninput ended\n"


@both_protocols
def test_copying_a_directory_there_and_back_keeps_every_byte(
    tenant: Kubectl, shell: Shell, protocol: Mapping[str, str], tmp_path: Path
) -> None:
    namespace, pod = shell
    source, back = tmp_path / "source", tmp_path / "back"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "noise").write_bytes(os.urandom(3_000_000))
    (source / "a name with spaces").write_text("text\n")
    copied = f"/tmp/copy-{os.urandom(4).hex()}"

    kubectl = tenant.speaking(protocol)
    kubectl.ok("cp", "-n", namespace, str(source), f"{pod}:{copied}")
    kubectl.ok("cp", "-n", namespace, f"{pod}:{copied}", str(back))

    assert (back / "deep" / "noise").read_bytes() == (source / "deep" / "noise").read_bytes()
    assert (back / "a name with spaces").read_text() == "text\n"


@pytest.mark.parametrize("command", [("exec", "absent", "--", "true"), ("logs", "absent"), ("attach", "absent")])
def test_a_pod_that_is_not_there_is_named_as_the_tenant_knows_it(
    tenant: Kubectl, direct: Kubectl, shell: Shell, command: tuple[str, ...]
) -> None:
    namespace, _ = shell

    done = tenant.run("-n", namespace, *command)

    assert b'pods "absent" not found' in done.stderr
    assert done.stderr == direct.run("-n", namespace, *command).stderr


def test_the_user_who_may_not_exec_is_refused_by_the_virtual_cluster(tenant: Kubectl, shell: Shell) -> None:
    namespace, pod = shell

    done = tenant.run("exec", "--as=nobody", "-n", namespace, pod, "--", "true")

    assert b'User "nobody" cannot' in done.stderr
    assert done.returncode == 1


def test_a_client_that_is_killed_ends_the_program_in_the_container(tenant: Kubectl, shell: Shell) -> None:
    namespace, pod = shell
    mark = f"mark-{os.urandom(4).hex()}"

    def alive() -> bool:
        looked = tenant.run("exec", "-n", namespace, pod, "--", "sh", "-c", f"ps | grep -v grep | grep -c {mark}")
        return looked.stdout.strip() != b"0"

    with tenant.started("exec", "-i", "-n", namespace, pod, "--", "sh", "-c", f": {mark}; cat; true") as process:
        assert process.stdin is not None
        eventually(alive)
        process.kill()
        process.wait()
    eventually(lambda: not alive())


def test_kubectl_without_the_gateway_prints_the_same(tenant: Kubectl, direct: Kubectl, shell: Shell) -> None:
    namespace, pod = shell

    def outcome(kubectl: Kubectl) -> tuple[int, bytes, bytes]:
        done: subprocess.CompletedProcess[bytes] = kubectl.run(
            "exec", "-n", namespace, pod, "--", "sh", "-c", "id; exit 3"
        )
        return done.returncode, done.stdout, done.stderr

    assert outcome(tenant) == outcome(direct)
