from tests.unit.syncer.world import NAMES, World, a_pod
from vgateway.kube.objects import VirtualObj
from vgateway.syncer.kind import Index, Side, Source
from vgateway.syncer.kinds.event import EventKind
from vgateway.syncer.kinds.kubernetes import KUBERNETES
from vgateway.syncer.kinds.pod import PodKind
from vgateway.syncer.kinds.snapshot import SnapshotKind
from vgateway.syncer.registry import KINDS
from vgateway.syncer.resources import CONFIGMAPS, ENDPOINTS, EVENTS, NODES, PODS, SECRETS, SERVICES
from vgateway.syncer.sources import all_indexes, all_sources, index_of, label_selector, union

ONE = Source(Side.VIRTUAL, ENDPOINTS, only=KUBERNETES)
SOME = Source(Side.VIRTUAL, ENDPOINTS, labels="a=b")
ALL = Source(Side.VIRTUAL, ENDPOINTS)


def test_what_is_followed_holds_what_every_kind_reads() -> None:
    assert union(ONE, ONE) == ONE
    assert union(ONE, SOME) == union(SOME, ONE) == SOME
    assert union(SOME, ALL) == union(ALL, ONE) == ALL


def test_nobody_waits_for_a_resource_that_one_kind_knows_may_be_missing() -> None:
    snapshots = SnapshotKind()
    kinds = (snapshots, EventKind((snapshots.resource,)))
    assert all(all_sources(kinds)[side, snapshots.resource].may_lack for side in Side)


def test_on_the_host_only_what_is_labelled_ours_is_read_unless_a_kind_asks_for_more() -> None:
    assert label_selector(Source(Side.HOST, PODS), NAMES) == "vcluster.loft.sh/managed-by=vc"
    assert label_selector(Source(Side.HOST, PODS, labels="a"), NAMES) == "vcluster.loft.sh/managed-by=vc,a"
    assert label_selector(Source(Side.HOST, EVENTS, everything=True), NAMES) == ""
    assert label_selector(Source(Side.HOST, NODES), NAMES) == "vcluster.loft.sh/managed-by=host-ns-x-vc"
    assert label_selector(Source(Side.VIRTUAL, PODS), NAMES) == ""


def test_the_default_kinds_read_what_they_need_and_nothing_cluster_scoped_of_the_host() -> None:
    found = all_sources(KINDS)
    assert {resource for side, resource in found if side is Side.HOST} >= {PODS, SERVICES, CONFIGMAPS, SECRETS}
    assert all(resource.namespaced for side, resource in found if side is Side.HOST)


def test_every_index_is_of_a_collection_that_is_followed() -> None:
    found = all_sources(KINDS)
    assert all((index.side, index.resource) in found for index in all_indexes(KINDS))


def test_an_index_of_ours_leaves_out_what_only_looks_like_ours() -> None:
    world = World()
    copy = PodKind().body(VirtualObj(a_pod()), world.view)
    stranger = copy | {"metadata": copy["metadata"] | {"annotations": {}}}
    index = Index(Side.HOST, PODS, "any", lambda _obj: ("found",), ours=True)
    assert (*index_of(index, NAMES)(copy), *index_of(index, NAMES)(stranger)) == ("found",)
