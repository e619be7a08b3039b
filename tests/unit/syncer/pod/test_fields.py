import pytest

from tests.unit.syncer.world import NAMES, a_pod
from vgateway.kube.objects import Obj, VirtualObj
from vgateway.syncer.kinds.pod.fields import (
    ANNOTATIONS,
    LABELS,
    NAME,
    UID,
    downward_lines,
    host_field_path,
    identity,
    quoted,
)


@pytest.mark.parametrize(
    ("path", "on_host"),
    [
        ("metadata.name", "metadata.annotations['vcluster.loft.sh/name']"),
        ("metadata.namespace", "metadata.annotations['vcluster.loft.sh/namespace']"),
        ("metadata.uid", "metadata.annotations['vcluster.loft.sh/uid']"),
        ("metadata.labels", "metadata.annotations['vcluster.loft.sh/labels']"),
        ("spec.serviceAccountName", "metadata.annotations['vcluster.loft.sh/service-account-name']"),
        ("metadata.labels['app']", "metadata.labels['app']"),
        ("metadata.labels['release']", "metadata.labels['vcluster.loft.sh/label-vc-x-a4d451ec23']"),
        ("metadata.annotations['a']", "metadata.annotations['a']"),
        ("status.podIP", "status.podIP"),
        ("spec.nodeName", "spec.nodeName"),
    ],
)
def test_what_a_pod_asks_about_itself_is_answered_in_the_tenants_names(path: str, on_host: str) -> None:
    assert host_field_path(NAMES, path) == on_host


def test_labels_are_written_as_the_downward_api_does() -> None:
    assert downward_lines({"b": 'q"uote', "a": "1"}) == 'a="1"\nb="q\\"uote"'


def test_what_cannot_be_printed_is_escaped_as_go_does() -> None:
    text = 'tab\t nul\x00 del\x7f back\\slash "q" é 漢 nbsp\u00a0 tag\U000e0001'
    assert quoted(text) == (r'"tab\t nul\x00 del\x7f back\\slash \"q\" é 漢 nbsp\u00a0 tag\U000e0001"')


def test_a_pod_of_a_cluster_within_this_one_keeps_its_own_identity() -> None:
    pod = a_pod()
    pod["metadata"]["annotations"] = {NAME: "inner"}
    found = identity(VirtualObj(pod))
    assert (found[NAME], found[UID]) == ("inner", "u-default-web")


@pytest.mark.parametrize(
    "volume",
    [
        {"name": "d", "downwardAPI": {"items": [{"path": "a", "fieldRef": {"fieldPath": "metadata.annotations"}}]}},
        {
            "name": "p",
            "projected": {
                "sources": [
                    {"downwardAPI": {"items": [{"path": "a", "fieldRef": {"fieldPath": "metadata.annotations"}}]}}
                ]
            },
        },
    ],
)
def test_a_volume_of_all_annotations_shows_the_tenants_only(volume: Obj) -> None:
    pod = a_pod(volumes=[volume])
    pod["metadata"]["annotations"] = {"own": "1"}
    assert identity(VirtualObj(pod))[ANNOTATIONS] == 'own="1"'
    assert ANNOTATIONS not in identity(VirtualObj(a_pod()))
    assert LABELS in identity(VirtualObj(a_pod()))
