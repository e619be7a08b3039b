"""A virtual cluster in somebody's kubeconfig."""

from typing import Any

from vgateway.install.contexts import context_name, parent_of, with_context, with_server, without


def one(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}"}}],
        "users": [{"name": name, "user": {"token": name}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def test_a_context_remembers_where_its_user_came_from_whatever_that_is_called() -> None:
    assert parent_of(context_name("my", "team-a", "admin_of_my@here")) == "admin_of_my@here"
    assert parent_of("kind-my") is None
    assert parent_of("vcluster_my") is None


def test_connecting_adds_a_context_and_makes_it_current_and_disconnecting_leaves_what_was_there() -> None:
    host = one("host")
    joined = with_context(host, one("my"), "vcluster_my_team-a_host")
    assert joined["current-context"] == "vcluster_my_team-a_host"
    assert [each["name"] for each in joined["contexts"]] == ["host", "vcluster_my_team-a_host"]
    assert joined["clusters"][1]["cluster"] == {"server": "https://my"}
    assert joined["users"][1]["user"] == {"token": "my"}
    back = without(joined, "vcluster_my_team-a_host")
    assert {**back, "current-context": "host"} == host


def test_connecting_twice_leaves_one_context_with_the_later_address() -> None:
    name = "vcluster_my_team-a_host"
    first = with_context(one("host"), one("my"), name)
    again = with_context(first, with_server(one("my"), "https://localhost:1"), name)
    assert [each["name"] for each in again["contexts"]] == ["host", name]
    assert again["clusters"][1]["cluster"]["server"] == "https://localhost:1"
    assert first["clusters"][1]["cluster"]["server"] == "https://my", "what was given is not changed"
