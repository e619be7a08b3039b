"""``vgateway config`` as an operator types it."""

from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from typer.testing import CliRunner, Result

from tests.unit.config.test_load import document
from vgateway.cli.config import app as commands
from vgateway.cli.local import host_rights
from vgateway.errors import ConfigError
from vgateway.kubelet.rights import STREAM_RULES


def run(tmp_path: Path, command: str, **changes: Any) -> Result:
    file = tmp_path / "vc.yaml"
    file.write_text(yaml.safe_dump(document(**changes)))
    return CliRunner().invoke(commands, [command, str(file)])


def test_a_good_file_is_ok(tmp_path: Path) -> None:
    done = run(tmp_path, "check", sync={"toHost": {"pods": {"enforceTolerations": ["*"]}}})
    assert (done.exit_code, done.stdout) == (0, "ok\n")


def test_every_problem_is_a_line_with_its_file_and_path(tmp_path: Path) -> None:
    done = run(tmp_path, "check", sync={"toHost": {"nmspaces": {}, "gatewayApi": {"enabled": True}}})
    file = tmp_path / "vc.yaml"
    assert done.exit_code == 2
    assert sorted(done.stderr.splitlines()) == [
        f"{file}: sync.toHost.gatewayApi: not supported yet",
        f"{file}: sync.toHost.nmspaces: unknown key",
    ]


def test_a_kind_that_is_known_and_not_done_is_a_problem_too(tmp_path: Path) -> None:
    done = run(tmp_path, "check", sync={"toHost": {"gatewayApi": {"enabled": True}}})
    assert (done.exit_code, done.stderr) == (2, f"{tmp_path}/vc.yaml: sync.toHost.gatewayApi: not supported yet\n")
    assert isinstance(run(tmp_path, "rbac", sync={"toHost": {"gatewayApi": {"enabled": True}}}).exception, ConfigError)


def test_the_schema_knows_every_section_and_says_what_a_value_does() -> None:
    schema = orjson.loads(CliRunner().invoke(commands, ["schema"]).stdout)
    pods = schema["$defs"]["Pods"]
    sections = {"controlPlane", "networking", "sync", "policies", "integrations", "exportKubeConfig", "logging"}
    assert set(schema["properties"]) == {"gateway", *sections}
    assert pods["additionalProperties"] is False
    for name, section in schema["$defs"].items():
        for key, value in section.get("properties", {}).items():
            said = value.get("description") or "$ref" in value or name == "Requirement" or "matchE" in key
            assert said or name in ("LabelSelector",), f"{name}.{key} says nothing of its consequence"


def test_a_plain_configuration_needs_one_role(tmp_path: Path) -> None:
    role, binding = yaml.safe_load_all(run(tmp_path, "rbac").stdout)
    assert (role["kind"], binding["kind"]) == ("Role", "RoleBinding")
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "vc-demo", "namespace": "vgateway-demo"}]
    assert {"apiGroups": [""], "resources": ["pods/resize"], "verbs": ["patch"]} in role["rules"]


def test_classes_of_the_host_need_a_cluster_role(tmp_path: Path) -> None:
    done = run(tmp_path, "rbac", sync={"fromHost": {"ingressClasses": {"enabled": True}}})
    *_, wide, binding = yaml.safe_load_all(done.stdout)
    assert [rule["resources"] for rule in wide["rules"]] == [["ingressclasses"]]
    assert binding["roleRef"]["name"] == wide["metadata"]["name"]


SYNCED: dict[str, Any] = {"fromHost": {"nodes": {"enabled": True}}}
FOLLOWED = ("nodes", ["get", "list", "watch"])
PAGES = ("nodes/proxy", ["get"])
TRUSTED = {
    **document()["gateway"],
    "virtualCluster": {**document()["gateway"]["virtualCluster"], "authorityKey": "ca.key", "frontProxyCA": "ca.crt"},
}
MEASURED = {"metricsServer": {"enabled": True}}


@pytest.mark.parametrize(
    ("changes", "wide"),
    [
        pytest.param({}, [], id="a Role is enough"),
        pytest.param({"integrations": MEASURED}, [], id="also for the figures of pods and of make-believe nodes"),
        pytest.param({"controlPlane": {"kubelet": {"nodeMetrics": True}}}, [PAGES], id="pages of nodes"),
        pytest.param({"sync": SYNCED}, [FOLLOWED, PAGES], id="nodes of the host, with their pages"),
        pytest.param(
            {"sync": SYNCED, "networking": {"advanced": {"proxyKubelets": {"byHostname": False}}}},
            [FOLLOWED],
            id="nodes that cannot be told apart have no pages",
        ),
        pytest.param(
            {"sync": SYNCED, "integrations": MEASURED},
            [FOLLOWED, PAGES, ("metrics.k8s.io/nodes", ["list"])],
            id="and everybody's load",
        ),
    ],
)
def test_each_right_on_the_hosts_nodes_follows_from_what_shows_them(
    tmp_path: Path, changes: dict[str, Any], wide: list[tuple[str, list[str]]]
) -> None:
    found = list(yaml.safe_load_all(run(tmp_path, "rbac", gateway=TRUSTED, **changes).stdout))
    rules = [rule for one in found if one["kind"] == "ClusterRole" for rule in one["rules"]]
    named = [("/".join([*filter(None, rule["apiGroups"]), *rule["resources"]]), rule["verbs"]) for rule in rules]
    assert named == wide


def test_local_clusters_give_their_gateways_the_same_rights_to_streams(tmp_path: Path) -> None:
    role, *_ = yaml.safe_load_all(run(tmp_path, "rbac").stdout)
    assert host_rights({}).role == role["rules"]
    assert all(rule in role["rules"] for rule in STREAM_RULES)


def test_an_older_file_is_printed_in_todays_spelling_and_passes_its_check(tmp_path: Path) -> None:
    done = run(tmp_path, "convert", sync={"configmaps": {"all": True}, "fake-nodes": {"enabled": True}})
    assert done.exit_code == 0
    assert "sync.fake-nodes.enabled: left out: " in done.stderr

    today = tmp_path / "today.yaml"
    today.write_text(done.stdout)
    assert yaml.safe_load(done.stdout)["sync"] == {"toHost": {"configMaps": {"all": True}}}
    assert CliRunner().invoke(commands, ["check", str(today)]).stdout == "ok\n"


def test_a_file_that_cannot_be_converted_whole_says_which_key_is_in_the_way(tmp_path: Path) -> None:
    done = run(tmp_path, "convert", syncer={"extraArgs": ["--kaboom"]})
    assert (done.exit_code, done.stderr) == (
        2,
        f"{tmp_path}/vc.yaml: syncer.extraArgs[0]: --kaboom is not supported\n",
    )
