import pytest

from tests.unit.syncer.world import a_pod
from vgateway.kube.objects import Obj
from vgateway.syncer.kinds.references import PODS_REFER, VOLUME_SECRETS, references
from vgateway.syncer.resources import CONFIGMAPS, SECRETS


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({"volumes": [{"name": "v", "configMap": {"name": "c"}}]}, {(CONFIGMAPS, "c")}),
        ({"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}, {(SECRETS, "s")}),
        (
            {
                "volumes": [
                    {"name": "v", "projected": {"sources": [{"secret": {"name": "s"}}, {"configMap": {"name": "c"}}]}}
                ]
            },
            {(SECRETS, "s"), (CONFIGMAPS, "c")},
        ),
        ({"imagePullSecrets": [{"name": "pull"}, {}]}, {(SECRETS, "pull")}),
        ({"volumes": [{"name": "v", "csi": {"driver": "d", "nodePublishSecretRef": {"name": "s"}}}]}, {(SECRETS, "s")}),
    ],
)
def test_a_pod_refers_to_what_its_spec_names(spec: Obj, found: set[object]) -> None:
    assert references(a_pod(**spec)) == found


@pytest.mark.parametrize("containers", ["containers", "initContainers", "ephemeralContainers"])
def test_references_of_every_sort_of_container_count(containers: str) -> None:
    env = [
        {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c1", "key": "k"}}},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s1", "key": "k"}}},
    ]
    sources = [{"configMapRef": {"name": "c2"}}, {"secretRef": {"name": "s2"}}]
    pod = a_pod()
    pod["spec"][containers] = [{"name": "x", "env": env, "envFrom": sources}]
    assert references(pod) == {(CONFIGMAPS, "c1"), (CONFIGMAPS, "c2"), (SECRETS, "s1"), (SECRETS, "s2")}


def test_the_index_tells_namespaces_apart() -> None:
    (value,) = PODS_REFER.values(a_pod(namespace="team", volumes=[{"name": "v", "configMap": {"name": "c"}}]))
    assert value == "configmaps/team/c"


def test_every_volume_source_with_a_secret_is_known() -> None:
    assert len(VOLUME_SECRETS) == 10
