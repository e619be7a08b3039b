from pathlib import Path

from vgateway.local.paths import Paths, cache_home, run_root, state_home


def test_the_state_directory_is_the_one_that_is_named() -> None:
    assert state_home({"VGATEWAY_HOME": "/srv/here", "XDG_STATE_HOME": "/elsewhere"}) == Path("/srv/here")


def test_else_it_is_in_the_xdg_directories() -> None:
    assert state_home({"XDG_STATE_HOME": "/state"}) == Path("/state/vgateway")
    assert state_home({}) == Path.home() / ".local/state/vgateway"
    assert cache_home({"XDG_CACHE_HOME": "/cache"}) == Path("/cache/vgateway")
    assert cache_home({}) == Path.home() / ".cache/vgateway"


def test_users_do_not_share_where_instances_are_reserved() -> None:
    assert run_root({"XDG_RUNTIME_DIR": "/run/user/1"}, rooted=False) == Path("/run/user/1/vgateway")
    assert run_root({}, rooted=True) == Path("/run/vgateway")


def test_a_tenant_has_a_kubeconfig_for_each_door() -> None:
    paths = Paths(Path("/home"))
    assert paths.tenant_kubeconfig("demo") == Path("/home/kubeconfigs/demo.kubeconfig")
    assert paths.tenant_kubeconfig("demo", direct=True) == Path("/home/kubeconfigs/demo-direct.kubeconfig")
