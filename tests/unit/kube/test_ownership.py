"""What is provably ours, and what is not although it looks like it."""

from copy import deepcopy
from typing import Any

import pytest

from vgateway.kube.names import Names
from vgateway.kube.objects import HostObj, Resource, VirtualKey, VirtualObj, set_path
from vgateway.kube.ownership import is_twin, kind_annotation, owner_of

NAMES = Names("vc", "host-ns")
PODS = Resource("", "v1", "pods", "Pod")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
WEB = VirtualObj({"metadata": {"name": "web", "namespace": "team-a", "uid": "u1"}})
TWIN: dict[str, Any] = {
    "metadata": {
        "name": "web-x-team-a-x-vc",
        "namespace": "host-ns",
        "labels": {"vcluster.loft.sh/managed-by": "vc", "vcluster.loft.sh/namespace": "team-a"},
        "annotations": {
            "vcluster.loft.sh/object-name": "web",
            "vcluster.loft.sh/object-namespace": "team-a",
            "vcluster.loft.sh/object-uid": "u1",
            "vcluster.loft.sh/object-kind": "/v1, Kind=Pod",
            "vcluster.loft.sh/object-host-name": "web-x-team-a-x-vc",
            "vcluster.loft.sh/object-host-namespace": "host-ns",
        },
    }
}


def altered(section: str, **changes: Any) -> HostObj:
    host = deepcopy(TWIN)
    target = host["metadata"] if section == "metadata" else host["metadata"][section]
    for name, value in changes.items():
        key = name if section == "metadata" else f"vcluster.loft.sh/{name.replace('_', '-')}"
        set_path(target, key, value) if "." not in key else _put(target, key, value)
    return HostObj(host)


def _put(target: dict[str, Any], key: str, value: Any) -> None:
    if value is None:
        del target[key]
    else:
        target[key] = value


def test_a_twin_names_its_owner() -> None:
    assert owner_of(NAMES, PODS, HostObj(TWIN)) == VirtualKey("team-a", "web")
    assert is_twin(NAMES, PODS, WEB, HostObj(TWIN))


@pytest.mark.parametrize(
    "host",
    [
        pytest.param(altered("labels", managed_by=None), id="no-label"),
        pytest.param(altered("labels", managed_by="other"), id="another-virtual-clusters-label"),
        pytest.param(altered("annotations", object_name=None), id="label-without-annotations"),
        pytest.param(altered("annotations", object_name="db"), id="annotations-that-lead-to-another-name"),
        pytest.param(altered("annotations", object_namespace="team-b"), id="annotations-of-another-namespace"),
        pytest.param(altered("annotations", object_kind="apps/v1, Kind=Deployment"), id="annotations-of-another-kind"),
        pytest.param(altered("annotations", object_host_name="elsewhere"), id="meant-for-another-name"),
        pytest.param(altered("annotations", object_host_namespace="elsewhere"), id="meant-for-another-namespace"),
        pytest.param(altered("metadata", name="copy"), id="a-copy-under-another-name"),
        pytest.param(altered("metadata", namespace="other"), id="a-copy-in-another-namespace"),
    ],
)
def test_what_is_not_provably_ours_has_no_owner(host: HostObj) -> None:
    assert owner_of(NAMES, PODS, host) is None
    assert not is_twin(NAMES, PODS, WEB, host)


def test_a_namesakes_twin_is_not_ours() -> None:
    assert not is_twin(NAMES, PODS, WEB, altered("annotations", object_uid="u0"))


def test_the_kind_is_written_as_go_writes_it() -> None:
    assert kind_annotation(PODS) == "/v1, Kind=Pod"
    assert kind_annotation(DEPLOYMENTS) == "apps/v1, Kind=Deployment"
