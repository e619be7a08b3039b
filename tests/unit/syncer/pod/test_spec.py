from tests.unit.syncer.world import NAMES, World, a_pod
from vgateway.kube.objects import VirtualObj
from vgateway.syncer.kinds.pod.spec import CLEARED, host_spec


def test_the_host_pod_runs_under_the_workload_account_and_mounts_no_token_of_the_host() -> None:
    spec = host_spec(VirtualObj(a_pod(serviceAccountName="admin", serviceAccount="admin")), World().view)
    assert spec["serviceAccountName"] == NAMES.workload_service_account
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert "serviceAccount" not in spec


def test_priority_and_what_else_the_host_decides_are_cleared() -> None:
    own = dict.fromkeys(CLEARED - {"volumes", "affinity", "topologySpreadConstraints", "nodeName", "nodeSelector"}, "x")
    assert not CLEARED & set(host_spec(VirtualObj(a_pod(**own)), World().view))


def test_fields_that_we_do_not_know_go_over_as_they_are() -> None:
    spec = host_spec(VirtualObj(a_pod(futureField={"a": 1}, restartPolicy="Never")), World().view)
    assert (spec["futureField"], spec["restartPolicy"]) == ({"a": 1}, "Never")


def test_translating_changes_nothing_in_the_tenants_pod() -> None:
    pod = a_pod(
        imagePullSecrets=[{"name": "pull"}],
        initContainers=[
            {"name": "i", "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}
        ],
        volumes=[{"name": "v", "projected": {"sources": [{"secret": {"name": "s"}}]}}],
    )
    before = repr(pod)
    spec = host_spec(VirtualObj(pod), World().view)
    assert repr(pod) == before
    assert spec["imagePullSecrets"] == [{"name": NAMES.host_name("pull", "default")}]
