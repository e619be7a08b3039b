"""Ingresses in the host's names, and what they need there."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from tests.unit.syncer.world import NAMES, SETTINGS, World, host_of, writes
from vgateway.config.sync import Sync
from vgateway.kube.objects import Obj, VirtualKey
from vgateway.syncer.kinds.ingress import INGRESSES_REFER, IngressKind, ingress_annotations
from vgateway.syncer.kinds.references import PODS_REFER
from vgateway.syncer.kinds.secret import SecretKind
from vgateway.syncer.resources import INGRESSCLASSES, INGRESSES, SECRETS
from vgateway.syncer.steps import CreateHost, DeleteHost, Tell

KEY = VirtualKey("default", "shop")
INGRESS = IngressKind()
NGINX = "nginx.ingress.kubernetes.io"
ALB = "alb.ingress.kubernetes.io"


def backend(name: str) -> Obj:
    return {"service": {"name": name, "port": {"number": 80}}}


def ingress(annotations: dict[str, str] | None = None, **spec: Any) -> Obj:
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend("web")}]
    rules = [{"host": "shop.example.com", "http": {"paths": paths}}]
    meta = {"name": "shop", "namespace": "default", "annotations": annotations or {}}
    return {"metadata": meta, "spec": {"rules": rules, **spec}, "status": {}}


def test_backends_and_certificates_have_the_hosts_names_and_hosts_and_paths_their_own() -> None:
    world = World()
    resource = {"apiGroup": "example.io", "kind": "Bucket", "name": "static"}
    tls = [{"hosts": ["shop.example.com"], "secretName": "cert"}]
    world.virtual[INGRESSES].put(ingress(ingressClassName="public", defaultBackend={"resource": resource}, tls=tls))

    world.round(INGRESS, KEY)

    copy = host_of(world, INGRESSES, "shop")["spec"]
    (rule,) = copy["rules"]
    assert rule["host"] == "shop.example.com"
    assert rule["http"]["paths"][0]["path"] == "/"
    assert rule["http"]["paths"][0]["backend"] == backend(NAMES.host_name("web", "default"))
    assert copy["defaultBackend"]["resource"]["name"] == NAMES.host_name("static", "default")
    assert copy["tls"] == [{"hosts": ["shop.example.com"], "secretName": NAMES.host_name("cert", "default")}]
    assert copy["ingressClassName"] == "public"
    assert writes(world.plan(INGRESS, KEY)) == []


def test_the_hosts_default_class_and_its_address_come_back() -> None:
    world = World()
    mine = world.virtual[INGRESSES].put(ingress())
    world.round(INGRESS, KEY)
    world.round(INGRESS, KEY)
    copy = host_of(world, INGRESSES, "shop")
    copy["spec"]["ingressClassName"] = "public"
    copy["status"] = {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}

    world.round(INGRESS, KEY)

    mine = next(iter(world.virtual[INGRESSES]))
    assert mine["spec"]["ingressClassName"] == "public"
    assert mine["status"] == {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}
    assert world.plan(INGRESS, KEY) == []


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        pytest.param(
            f"{NGINX}/auth-secret", "basic", (f"{NGINX}/auth-secret", "basic-x-default-x-vc"), id="a-secret-beside-it"
        ),
        pytest.param(
            f"{NGINX}/auth-tls-secret",
            "team/ca",
            (f"{NGINX}/auth-tls-secret", "host-ns/ca-x-team-x-vc"),
            id="a-secret-elsewhere",
        ),
        pytest.param(f"{NGINX}/ssl-redirect", "true", (f"{NGINX}/ssl-redirect", "true"), id="what-names-nothing"),
        pytest.param(f"{ALB}/actions.web", "{broken", (f"{ALB}/actions.web-x-default-x-vc", "{broken"), id="no-json"),
        pytest.param(
            f"{ALB}/conditions.web",
            '[{"field":"path"}]',
            (f"{ALB}/conditions.web-x-default-x-vc", '[{"field":"path"}]'),
            id="conditions-of-a-service",
        ),
    ],
)
def test_annotations_that_name_something_are_translated(key: str, value: str, expected: tuple[str, str]) -> None:
    assert ingress_annotations({key: value}, "default", NAMES) == dict([expected])


def test_services_within_an_action_are_translated() -> None:
    groups = {"targetGroups": [{"serviceName": "a", "weight": 1}, {"serviceName": "b"}]}
    action = orjson.dumps({"type": "forward", "forwardConfig": groups}).decode()
    (found,) = ingress_annotations({f"{ALB}/actions.split": action}, "default", NAMES).values()
    names = [group["serviceName"] for group in orjson.loads(found)["forwardConfig"]["targetGroups"]]
    assert names == ["a-x-default-x-vc", "b-x-default-x-vc"]


def test_a_secret_reaches_the_host_while_an_ingress_names_it() -> None:
    world = World()
    secrets = SecretKind((PODS_REFER, INGRESSES_REFER))
    where = VirtualKey("default", "cert")
    world.virtual[SECRETS].put({"metadata": {"name": "cert", "namespace": "default"}, "type": "kubernetes.io/tls"})
    assert world.plan(secrets, where) == []
    world.virtual[INGRESSES].put(ingress(tls=[{"secretName": "cert"}]))

    (made,) = world.round(secrets, where)

    assert isinstance(made, CreateHost)
    assert made.body["type"] == "kubernetes.io/tls"
    world.virtual[INGRESSES].put(ingress())
    assert [type(step) for step in world.round(secrets, where)] == [DeleteHost]


def test_a_class_that_the_tenant_was_not_given_is_refused_and_told() -> None:
    world = World()
    sync = Sync.model_validate({"fromHost": {"ingressClasses": {"enabled": True}}})
    world.view = replace(world.view, settings=replace(SETTINGS, sync=sync))
    world.virtual[INGRESSES].put(ingress(ingressClassName="private"))

    (told,) = world.plan(INGRESS, KEY)

    assert told == Tell("NotSynced", "there is no IngressClass private; see kubectl get ingressclasses")
    world.virtual[INGRESSCLASSES].put({"metadata": {"name": "private"}})
    assert [type(step) for step in world.round(INGRESS, KEY)] == [CreateHost]
    world.virtual[INGRESSCLASSES].by_key.clear()
    assert [type(step) for step in world.round(INGRESS, KEY)] == [Tell, DeleteHost]


@pytest.mark.parametrize(
    ("theirs", "told"),
    [
        pytest.param({"ingressClassName": "public"}, True, id="the-same-controller"),
        pytest.param({"ingressClassName": "private"}, False, id="another-controller"),
        pytest.param(
            {"ingressClassName": "public", "rules": [{"host": "other.example.com"}]}, False, id="another-name"
        ),
        pytest.param({"ingressClassName": "public", "rules": [{"http": {"paths": []}}]}, False, id="no-name"),
    ],
)
def test_a_host_name_that_somebody_else_claims_is_told(theirs: Obj, told: bool) -> None:
    world = World()
    world.virtual[INGRESSES].put(ingress(ingressClassName="public"))
    world.round(INGRESS, KEY)
    world.round(INGRESS, KEY)
    assert world.plan(INGRESS, KEY) == []

    other = ingress(**theirs)
    other["metadata"] = {"name": "theirs", "namespace": "host-ns"}
    world.host[INGRESSES].put(other)
    steps = world.plan(INGRESS, KEY)

    assert [type(step) for step in steps] == ([Tell] if told else [])
    if told:
        assert isinstance(steps[0], Tell)
        assert "shop.example.com: an Ingress that is not yours" in steps[0].message


def test_it_is_told_at_once_where_the_other_was_first() -> None:
    world, other = World(), ingress(ingressClassName="public")
    other["metadata"] = {"name": "theirs", "namespace": "host-ns"}
    world.host[INGRESSES].put(other)
    world.virtual[INGRESSES].put(ingress(ingressClassName="public"))
    assert [type(step) for step in world.plan(INGRESS, KEY)] == [Tell, CreateHost]


def test_two_of_the_tenants_own_may_share_a_host_name() -> None:
    world = World()
    for name in ("shop", "cart"):
        mine = ingress(ingressClassName="public")
        mine["metadata"]["name"] = name
        world.virtual[INGRESSES].put(mine)
        world.round(INGRESS, VirtualKey("default", name))
    world.round(INGRESS, KEY)
    assert world.plan(INGRESS, KEY) == []
