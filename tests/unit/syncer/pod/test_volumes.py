from typing import Any

import pytest

from tests.unit.syncer.world import NAMES, World, a_pod
from vgateway.kube.objects import VirtualObj
from vgateway.syncer.kinds.pod.refusal import refusal
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
        ({"glusterfs": {"endpoints": "x"}}, {"glusterfs": {"endpoints": X}}),
        ({"azureFile": {"secretName": "x"}}, {"azureFile": {"secretName": X}}),
        *(
            ({name: {"secretRef": {"name": "x"}}}, {name: {"secretRef": {"name": X}}})
            for name in ("cephfs", "cinder", "flexVolume", "iscsi", "scaleIO", "storageos")
        ),
        ({"nfs": {"server": "s", "path": "/"}}, {"nfs": {"server": "s", "path": "/"}}),
        ({"image": {"reference": "a:1"}}, {"image": {"reference": "a:1"}}),
        (
            {"projected": {"sources": [{"secret": {"name": "x"}}]}},
            {"projected": {"sources": [{"secret": {"name": X}}]}},
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


@pytest.mark.parametrize("source", ["clusterTrustBundle", "podCertificate"])
def test_what_the_host_would_fill_with_its_own_is_refused_with_a_way_out(source: str) -> None:
    pod = VirtualObj(a_pod(volumes=[{"name": "v", "projected": {"sources": [{source: {"path": "p"}}]}}]))
    told = refusal(pod, World().view)
    assert told is not None
    assert told.reason == "NotSupported"
    assert f"volume v: {source}: " in told.message
    assert refusal(VirtualObj(a_pod()), World().view) is None


def test_a_token_comes_from_the_pods_own_secret_under_the_same_file_name() -> None:
    sources = [{"configMap": {"name": "x"}}, {"serviceAccountToken": {"path": "api/token", "audience": "vault"}}]
    found = translated({"projected": {"defaultMode": 384, "sources": sources}})["projected"]
    assert found["defaultMode"] == 384
    assert found["sources"][1] == {
        "secret": {"name": "web-x-default-x-vc-sa-token", "items": [{"key": "v-1", "path": "api/token"}]}
    }
