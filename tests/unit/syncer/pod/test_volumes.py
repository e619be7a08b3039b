from typing import Any

import pytest

from tests.unit.syncer.world import NAMES, World, a_pod
from vgateway.kube.objects import VirtualObj
from vgateway.syncer.kinds.pod.volumes import host_volumes

X = NAMES.host_name("x", "default")


def translated(volume: dict[str, Any]) -> dict[str, Any]:
    (found,) = host_volumes(VirtualObj(a_pod(volumes=[{"name": "v", **volume}])), World().view)
    return {name: value for name, value in found.items() if name != "name"}


@pytest.mark.parametrize(
    ("volume", "on_host"),
    [
        ({"configMap": {"name": "x", "defaultMode": 420}}, {"configMap": {"name": X, "defaultMode": 420}}),
        ({"configMap": {"name": "kube-root-ca.crt"}}, {"configMap": {"name": NAMES.root_ca}}),
        ({"secret": {"secretName": "x"}}, {"secret": {"secretName": X}}),
        ({"persistentVolumeClaim": {"claimName": "x"}}, {"persistentVolumeClaim": {"claimName": X}}),
        ({"rbd": {"pool": "p", "secretRef": {"name": "x"}}}, {"rbd": {"pool": "p", "secretRef": {"name": X}}}),
        (
            {"csi": {"driver": "d", "nodePublishSecretRef": {"name": "x"}}},
            {"csi": {"driver": "d", "nodePublishSecretRef": {"name": X}}},
        ),
        (
            {"ephemeral": {"volumeClaimTemplate": {}}},
            {"persistentVolumeClaim": {"claimName": NAMES.host_name("web-v", "default")}},
        ),
        ({"emptyDir": {"medium": "Memory"}}, {"emptyDir": {"medium": "Memory"}}),
        ({"hostPath": {"path": "/x"}}, {"hostPath": {"path": "/x"}}),
        (
            {"downwardAPI": {"items": [{"path": "n", "fieldRef": {"fieldPath": "metadata.name"}}]}},
            {
                "downwardAPI": {
                    "items": [{"path": "n", "fieldRef": {"fieldPath": "metadata.annotations['vcluster.loft.sh/name']"}}]
                }
            },
        ),
    ],
)
def test_a_volume_refers_to_host_names(volume: dict[str, Any], on_host: dict[str, Any]) -> None:
    assert translated(volume) == on_host


def test_a_token_comes_from_the_pods_own_secret_under_the_same_file_name() -> None:
    sources = [{"configMap": {"name": "x"}}, {"serviceAccountToken": {"path": "api/token", "audience": "vault"}}]
    found = translated({"projected": {"defaultMode": 384, "sources": sources}})["projected"]
    assert found["defaultMode"] == 384
    assert found["sources"][1] == {
        "secret": {"name": "web-x-default-x-vc-sa-token", "items": [{"key": "v-1", "path": "api/token"}]}
    }
