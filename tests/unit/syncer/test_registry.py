from vgateway.syncer.registry import KINDS, host_role_rules

# What a Role in a namespace cannot grant: these are cluster-scoped.
CLUSTER_SCOPED = {"nodes", "namespaces", "persistentvolumes", "storageclasses", "priorityclasses"}


def test_the_kinds_need_one_namespaced_role_and_nothing_of_the_whole_cluster() -> None:
    resources = {name.split("/")[0] for rule in host_role_rules(KINDS) for name in rule["resources"]}
    assert resources == {"pods", "configmaps", "secrets", "services"}
    assert not resources & CLUSTER_SCOPED


def test_no_right_is_a_wildcard_and_none_lets_us_act_inside_pods() -> None:
    for rule in host_role_rules(KINDS):
        assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"]
        assert not {"pods/exec", "pods/attach", "serviceaccounts/token"} & set(rule["resources"])


def test_kinds_have_names_of_their_own() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
