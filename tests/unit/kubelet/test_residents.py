from typing import Any

from tests.unit.kubelet.pods import NAMES, host_pod, virtual_pod
from vgateway.kube.objects import HostKey, HostObj, VirtualKey, VirtualObj, host_key, uid
from vgateway.kubelet.residents import Census, resident

WEB = virtual_pod()
CLAIMS = [
    {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
    {"name": "scratch", "ephemeral": {}},
    {"name": "empty", "emptyDir": {}},
]
HOST_CLAIMS = [
    {"name": "data", "persistentVolumeClaim": {"claimName": "data-x-default-x-vc"}},
    {"name": "scratch", "persistentVolumeClaim": {"claimName": "web-scratch-x-default-x-vc"}},
    {"name": "empty", "emptyDir": {}},
    {"name": "injected", "persistentVolumeClaim": {"claimName": "of-the-host"}},
]


def with_volumes(pod: dict[str, Any], volumes: list[dict[str, Any]]) -> dict[str, Any]:
    return {**pod, "spec": {**pod["spec"], "volumes": volumes}}


VIRTUAL = VirtualObj(with_volumes(WEB, CLAIMS))
HOST = HostObj(with_volumes(host_pod(WEB), HOST_CLAIMS))


def virtual_now(*pods: VirtualObj) -> dict[VirtualKey, VirtualObj]:
    return {VirtualKey(pod["metadata"]["namespace"], pod["metadata"]["name"]): pod for pod in pods}


def test_a_pod_is_known_by_both_sides_names_and_its_claims_by_the_volumes_of_both() -> None:
    found = resident(NAMES, HOST, virtual_now(VIRTUAL).get)

    assert found is not None
    assert (found.host, found.virtual) == (host_key(HOST), VirtualKey("default", "web"))
    assert (found.host_uid, found.uid) == ("host-uid", uid(WEB))
    assert set(found.images) == {"app", "init", "debug"}
    assert found.claims == {"data-x-default-x-vc": "data", "web-scratch-x-default-x-vc": "web-scratch"}
    assert found.volumes == {"data", "scratch", "empty"}


def test_nobody_is_resident_who_is_not_the_twin_of_a_pod_that_the_tenant_has() -> None:
    stranger = HostObj({**HOST, "metadata": {**HOST["metadata"], "annotations": {}}})
    elsewhere = HostObj({**HOST, "metadata": {**HOST["metadata"], "name": "copy"}})
    namesake = host_pod(WEB, of_uid="an-earlier-uid")

    assert resident(NAMES, HOST, virtual_now().get) is None
    assert [resident(NAMES, one, virtual_now(VIRTUAL).get) for one in (stranger, elsewhere, namesake)] == [None] * 3


def test_a_census_looks_at_each_pod_once_and_finds_claims_through_the_pods_that_mount_them() -> None:
    looked: list[HostKey] = []
    stranger = HostKey("tenant-a", "stranger")

    def host(key: HostKey) -> HostObj | None:
        looked.append(key)
        return HOST if key == host_key(HOST) else None

    census = Census(NAMES, host, virtual_now(VIRTUAL).get, lambda: [stranger, host_key(HOST)])

    assert census.claim(HostKey("tenant-a", "data-x-default-x-vc")) == VirtualKey("default", "data")
    assert census.claim(HostKey("tenant-b", "data-x-default-x-vc")) is None
    assert census.claim(HostKey("tenant-a", "of-the-host")) is None
    assert (census.pod(stranger), census.pod(host_key(HOST)) is not None) == (None, True)
    assert looked == [stranger, host_key(HOST)]
