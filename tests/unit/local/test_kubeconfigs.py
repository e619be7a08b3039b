import stat
from pathlib import Path

import yaml

from vgateway.local.kubeconfigs import client_user, kubeconfig, write_private
from vgateway.local.pki import Authority, Identity


def test_a_kubeconfig_is_complete_in_itself(tmp_path: Path) -> None:
    authority = Authority(tmp_path).ensure("test")
    user = client_user(authority.issue("admin", Identity("admin")))
    path = write_private(
        tmp_path / "k" / "config", kubeconfig("https://x:1", authority.files.certificate, user, "demo", "space")
    )

    document = yaml.safe_load(path.read_text())
    assert document["current-context"] == "demo"
    assert document["contexts"] == [
        {"name": "demo", "context": {"cluster": "demo", "user": "demo", "namespace": "space"}}
    ]
    assert document["clusters"][0]["cluster"]["server"] == "https://x:1"
    assert str(tmp_path) not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
