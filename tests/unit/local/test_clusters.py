from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from vgateway.config.load import parse_config
from vgateway.errors import ConfigError
from vgateway.local.clusters import Wish, needed_programs, open_instance, wanted
from vgateway.local.errors import LocalError
from vgateway.local.gateway import check_choices, gateway_document, read_choices
from vgateway.local.manifests import Rights
from vgateway.local.names import check_name
from vgateway.local.paths import Paths
from vgateway.local.progress import Progress
from vgateway.local.state import State, VirtualCluster
from vgateway.local.status import status
from vgateway.local.storage import node_paths
from vgateway.local.virtualcluster import Virtual

FRESH = State(251, rooted=True)
ROOTLESS = State(251, rooted=False)
RUNNING = State(251, rooted=True, nodes=2, virtual={"demo": VirtualCluster(1, "sqlite", "10.251.65.2")})


def wish(*names: str, **options: object) -> Wish:
    return Wish(names=names, rights=lambda _: Rights(), **options)  # type: ignore[arg-type] # a table's shorthand


@pytest.mark.parametrize(
    ("state", "asked", "nodes", "kwok_nodes"),
    [
        pytest.param(FRESH, wish("demo"), 1, 0, id="one real node at first"),
        pytest.param(ROOTLESS, wish("demo"), 0, 1, id="one kwok node at first without root"),
        pytest.param(FRESH, wish("demo", nodes=0, kwok_nodes=5), 0, 5, id="what is said"),
        pytest.param(RUNNING, wish("demo"), 2, 0, id="what is there when nothing is said"),
        pytest.param(RUNNING, wish("demo", nodes=1, kwok_nodes=3), 1, 3, id="fewer and others"),
    ],
)
def test_nodes_are(state: State, asked: Wish, nodes: int, kwok_nodes: int) -> None:
    result = wanted(state, asked)
    assert (result.nodes, result.kwok_nodes) == (nodes, kwok_nodes)


def test_new_virtual_clusters_are_added_to_those_that_are_there() -> None:
    result = wanted(RUNNING, wish("other", store="etcd"))
    assert result.virtual == {**RUNNING.virtual, "other": VirtualCluster(2, "etcd")}


@pytest.mark.parametrize(
    ("state", "asked", "words"),
    [
        pytest.param(ROOTLESS, wish("demo", nodes=1), "real nodes need root", id="real nodes without root"),
        pytest.param(RUNNING, wish("demo", store="etcd"), "demo keeps its objects in sqlite", id="another store"),
        pytest.param(ROOTLESS, wish("demo", storage=True), "disks of real nodes", id="volumes without a disk"),
        pytest.param(RUNNING, wish("demo", nodes=0), "stand on the first node", id="no node below virtual clusters"),
    ],
)
def test_refused_is(state: State, asked: Wish, words: str) -> None:
    with pytest.raises(LocalError, match=words):
        wanted(state, asked)


def test_only_the_programs_that_are_needed_are_built() -> None:
    assert {"kubelet", "kine"} <= set(needed_programs(RUNNING))
    assert "kwok" not in needed_programs(RUNNING)
    etcd_only = replace(ROOTLESS, kwok_nodes=1, virtual={"demo": VirtualCluster(1, "etcd")})
    assert {"kine", "kubelet"}.isdisjoint(needed_programs(etcd_only))
    assert "kwok" in needed_programs(etcd_only)


@pytest.mark.parametrize(
    ("had", "asked", "has"), [(False, None, False), (False, True, True), (True, None, True), (True, False, False)]
)
def test_volumes_are_there_once_asked_for_until_they_are_declined(had: bool, asked: bool | None, has: bool) -> None:
    result = wanted(replace(RUNNING, storage=had), wish("demo", storage=asked))
    assert result.storage is has
    assert ("local-path-provisioner" in needed_programs(result)) is has


def test_every_real_node_keeps_volumes_among_its_own_files(tmp_path: Path) -> None:
    instance = open_instance(Paths(tmp_path), RUNNING, {}, {}, Progress())
    paths = {one["node"]: one["paths"] for one in node_paths(instance, 2)["nodePathMap"]}
    assert paths == {name: [str(tmp_path / "nodes" / name / "volumes")] for name in ("node-1", "node-2")}


def virtual(tmp_path: Path, state: State) -> Virtual:
    instance = open_instance(Paths(tmp_path), state, {}, {}, Progress())
    return Virtual(instance, "demo", state.virtual["demo"], "10.251.200.1")


@pytest.mark.parametrize("rooted", [True, False])
def test_the_gateways_configuration_is_one_that_it_accepts(tmp_path: Path, rooted: bool) -> None:
    state = replace(RUNNING, rooted=rooted, nodes=int(rooted))
    document = gateway_document(virtual(tmp_path, state), {"logging": {"level": "debug"}})
    config = parse_config(document)
    assert config.gateway.namespace == "vgateway-demo"
    assert config.logging.level == "debug"
    own = "0.0.0.0" if rooted else "10.251.65.2"
    assert config.control_plane.proxy.bind_address == config.control_plane.kubelet.bind_address == own


def test_certificates_are_valid_for_every_way_to_the_gateway(tmp_path: Path) -> None:
    hosts = virtual(tmp_path, RUNNING).hosts
    assert {"demo", "demo.vgateway-demo", "demo.vgateway-demo.svc", "10.251.65.2", "10.251.200.1"} <= set(hosts)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("[]", "a mapping is expected", id="a list"),
        pytest.param("a: [", "not YAML", id="not YAML"),
        pytest.param("gateway: {}", "leave this key out", id="our own part"),
        pytest.param("loging: {}", "loging: unknown key", id="an unknown key"),
        pytest.param("logging: {level: loud}", r"logging\.level", id="a wrong value"),
    ],
)
def test_a_wrong_configuration_is_one_line_with_the_file_and_the_key(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words) as refused:
        check_choices(path, read_choices(path))
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_configuration_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="absent"):
        read_choices(tmp_path / "absent")
    (tmp_path / "empty").write_text("")
    assert read_choices(tmp_path / "empty") == {}


@pytest.mark.parametrize("name", ["", "A", "-a", "a-", "1a", "a.b", "a" * 41])
def test_names_that_cannot_be_namespaces_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="NAME"):
        check_name(name)


def test_status_names_every_part_and_what_does_not_run(tmp_path: Path) -> None:
    records = tmp_path / "processes" / "virtual-demo"
    records.mkdir(parents=True)
    (records / "gateway.stat").write_text("4194305 (gone) S " + "1 " * 40)
    document = status(Paths(tmp_path), RUNNING)
    assert document["host"]["server"] == "https://10.251.0.1:6443"
    assert list(document["nodes"]) == ["node-1", "node-2"]
    assert document["virtualClusters"]["demo"]["programs"]["gateway"]["pid"] is None
    assert status(Paths(tmp_path), None)["host"] is None


def test_the_stages_of_kwok_nodes_are_yaml() -> None:
    path = Path(__file__).parents[3] / "vgateway" / "local" / "kwok-stages.yaml"
    assert all(stage["kind"] == "Stage" for stage in yaml.safe_load_all(path.read_text()))
