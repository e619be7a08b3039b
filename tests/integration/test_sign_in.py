"""A tenant's people sign in with their own issuer's tokens: real kubectl, the real API server's rights and audit."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
import yaml

from tests.integration.conftest import with_namespace
from tests.support.authority import Authority
from tests.support.clusters import Clusters
from tests.support.eventually import eventually
from tests.support.issuer import Issuer, oidc_issuer
from tests.support.kubectl import Kubectl
from tests.support.manifests import shell_pod

pytestmark = pytest.mark.cluster

NAME = "signed"
MAPPINGS = {
    "username": {"claim": "email", "prefix": "corp:"},
    "groups": {"claim": "roles", "prefix": "corp:"},
}


@pytest.fixture(scope="module")
def issuer(host: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    """An issuer where gateways can reach it: beside the host's API server."""
    server = host.json("config", "view")["clusters"][0]["cluster"]["server"]
    with oidc_issuer(Authority(tmp_path_factory.mktemp("issuer")), urlsplit(server).hostname or "") as found:
        found.add_key("one")
        yield found


@pytest.fixture(scope="module")
def tenant(clusters: Clusters, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """The administrator of a virtual cluster that trusts the issuer."""
    asked = {"url": issuer.url, "audiences": ["vgateway"], "certificateAuthority": issuer.authority}
    proxy = {"authentication": {"jwt": [{"issuer": asked, "claimMappings": MAPPINGS}]}}
    file: Path = tmp_path_factory.mktemp("config") / "vcluster.yaml"
    file.write_text(yaml.safe_dump({"controlPlane": {"proxy": proxy}}))
    clusters.local("up", NAME, "--config", str(file))
    yield clusters.tenant(NAME)
    clusters.local("down", NAME)


class Person:
    """Somebody with a token and nothing else."""

    def __init__(self, tenant: Kubectl, place: Path) -> None:
        cluster = orjson.loads(tenant.ok("config", "view", "--flatten", "--raw", "-o", "json"))["clusters"][0]
        self._document = {"clusters": [cluster], "contexts": [{"name": "it", "context": {"cluster": cluster["name"]}}]}
        self._file = place / "person.kubeconfig"
        self._program = tenant.program

    def kubectl(self, token: str) -> Kubectl:
        context = [{"name": "it", "context": {**self._document["contexts"][0]["context"], "user": "it"}}]
        users = [{"name": "it", "user": {"token": token}}]
        document = {**self._document, "contexts": context, "users": users, "current-context": "it"}
        self._file.write_text(yaml.safe_dump(document))
        return Kubectl(self._program, self._file)


@pytest.fixture
def person(tenant: Kubectl, tmp_path: Path) -> Person:
    return Person(tenant, tmp_path)


def claims(**more: Any) -> dict[str, Any]:
    return {"email": "ann@corp.example", "email_verified": True, "roles": ["dev", "ops"], "jti": "number-7", **more}


def refused(done: "subprocess.CompletedProcess[bytes]") -> bool:
    return done.returncode != 0 and b"must be logged in" in done.stderr


def test_the_api_server_knows_who_signed_in_and_by_which_token(person: Person, issuer: Issuer) -> None:
    user = person.kubectl(issuer.token("one", **claims())).json("auth", "whoami")["status"]["userInfo"]
    assert user["username"] == "corp:ann@corp.example"
    assert user["groups"] == ["corp:dev", "corp:ops", "system:authenticated"]
    assert user["extra"]["authentication.kubernetes.io/credential-id"] == ["JTI=number-7"]


def test_rights_follow_from_groups_for_requests_and_for_streams(
    tenant: Kubectl, person: Person, issuer: Issuer
) -> None:
    tenant.ok("create", "namespace", "work")
    tenant.apply(with_namespace(shell_pod("shell"), "work"))
    tenant.ok("wait", "-n", "work", "pod/shell", "--for=condition=Ready", "--timeout=180s")
    ann = person.kubectl(issuer.token("one", **claims()))
    denied = ann.run("exec", "-n", "work", "shell", "--", "id")
    assert b'User "corp:ann@corp.example" cannot' in denied.stderr
    tenant.ok("create", "rolebinding", "-n", "work", "dev", "--clusterrole=admin", "--group=corp:dev")
    said = eventually(
        lambda: ann.run("exec", "-n", "work", "shell", "--", "echo", "hello"), lambda it: not it.returncode
    )
    assert said.stdout == b"hello\n"
    assert ann.run("get", "pods", "-n", "default").returncode != 0


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"seconds": -60}, id="expired"),
        pytest.param({"aud": "somebody else"}, id="for somebody else"),
        pytest.param({"email_verified": False}, id="unverified"),
        pytest.param({"iss": "https://other.example"}, id="of an issuer that nobody knows"),
    ],
)
def test_a_token_that_is_not_good_opens_nothing(person: Person, issuer: Issuer, wrong: dict[str, Any]) -> None:
    assert refused(person.kubectl(issuer.token("one", **claims(**wrong))).run("auth", "whoami"))


def test_a_service_accounts_token_is_good_as_ever(tenant: Kubectl, person: Person) -> None:
    token = tenant.ok("create", "token", "default").strip()
    user = person.kubectl(token).json("auth", "whoami")["status"]["userInfo"]
    assert user["username"] == "system:serviceaccount:default:default"


def test_a_new_key_of_the_issuer_is_good_without_a_restart(person: Person, issuer: Issuer) -> None:
    assert person.kubectl(issuer.token("one", **claims())).run("auth", "whoami").returncode == 0
    issuer.add_key("next")
    del issuer.keys["one"]
    token = issuer.token("next", **claims())
    eventually(lambda: person.kubectl(token).run("auth", "whoami").returncode == 0)
