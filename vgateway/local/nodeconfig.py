"""What the programs of a real node are told: pure builders of configuration documents."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vgateway.local.addresses import KUBELET_PORT, PROXY_HEALTH_PORT, Addresses, node_name
from vgateway.local.images import PAUSE
from vgateway.local.mounts import KUBELET
from vgateway.local.podnetwork import PLUGINS


@dataclass(frozen=True, slots=True)
class NodeFiles:
    """Where a node keeps its files: what lasts, and (under short names) its sockets."""

    directory: Path
    run: Path

    @property
    def socket(self) -> Path:
        """The socket of containerd."""
        return self.run / "containerd.sock"

    @property
    def plugins(self) -> Path:
        """The directory of the pod network's configuration."""
        return self.directory / "cni"

    @property
    def resolver(self) -> Path:
        """The resolv.conf that pods with the node's own DNS get."""
        return self.directory / "resolv.conf"


CONTAINERD = """\
version = 2
root = "{directory}/containerd"
state = "{run}/containerd"
oom_score = 0

[grpc]
  address = "{socket}"

[plugins."io.containerd.internal.v1.opt"]
  path = "{directory}/opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  # Without CAP_SYS_RESOURCE a container's score cannot be lowered, and runc would give up.
  restrict_oom_score_adj = true

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{bin}"
    conf_dir = "{plugins}"

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
"""


def containerd_config(files: NodeFiles) -> str:
    """Return containerd's configuration: everything that it keeps is the node's own."""
    return CONTAINERD.format(
        directory=files.directory,
        run=files.run,
        socket=files.socket,
        pause=PAUSE,
        bin=PLUGINS,
        plugins=files.plugins,
    )


def kubelet_config(
    files: NodeFiles, addresses: Addresses, *, authority: Path, certificate: Path, key: Path, group: str
) -> dict[str, Any]:
    """Return the kubelet's configuration.

    ``group`` is the control group below which it sorts pods by quality of service. Each pod must have one of its own:
    a kubelet without them dies of the first resize in place, for it looks into the group of the pod.
    """
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": "0.0.0.0",
        "port": KUBELET_PORT,
        "readOnlyPort": 0,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(authority)},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(certificate),
        "tlsPrivateKeyFile": str(key),
        "clusterDomain": "cluster.local",
        "clusterDNS": [addresses.dns_service],
        "resolvConf": str(files.resolver),
        "containerRuntimeEndpoint": f"unix://{files.socket}",
        "podLogsDir": str(files.directory / "pods"),
        "volumePluginDir": str(files.directory / "volume-plugins"),
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": True,
        "cgroupRoot": f"/{group}",
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,
        "failSwapOn": False,
        # /stats/summary fails without it.
        "localStorageCapacityIsolation": True,
        "makeIPTablesUtilChains": False,
        "oomScoreAdj": 0,
        # The disk is this machine's: what else fills it must not evict pods, nor images that no registry has.
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "maxPods": 200,
    }


def kube_proxy_config(addresses: Addresses, index: int, kubeconfig: Path) -> dict[str, Any]:
    """Return kube-proxy's configuration."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "clusterCIDR": str(addresses.pods),
        "hostnameOverride": node_name(index),
        "healthzBindAddress": f"{addresses.node(index)}:{PROXY_HEALTH_PORT}",
        "oomScoreAdj": 0,
        # These limits are the machine's, not the namespace's.
        "conntrack": {"maxPerCore": 0},
    }


def kubelet_arguments(config: Path, kubeconfig: Path, files: NodeFiles, name: str, address: str) -> tuple[str, ...]:
    """Return the kubelet's arguments: what its configuration file cannot say."""
    return (
        f"--config={config}",
        f"--kubeconfig={kubeconfig}",
        f"--root-dir={KUBELET}",
        f"--hostname-override={name}",
        f"--node-ip={address}",
        # Otherwise /metrics/cadvisor has no rows about containers.
        f"--containerd={files.socket}",
    )
