"""The network of one instance: a bridge, a network namespace per node, routes between their pods.

What exists is left as it is, so making it again repairs what is missing. The root namespace routes to pods but
forwards nothing, so no setting of this machine is changed.
"""

from pathlib import Path

import orjson

from vgateway.local.addresses import Addresses
from vgateway.local.errors import LocalError
from vgateway.local.mounts import is_namespace
from vgateway.local.processes import find_program, run

NAMESPACES = Path("/run/netns")


def inside(namespace: str) -> tuple[str, ...]:
    """Return the command prefix that runs a program in a network namespace.

    Not ``ip netns exec``: that mounts another /sys, without the control groups.
    """
    return (find_program("nsenter"), f"--net={NAMESPACES / namespace}")


def ensure_bridge(addresses: Addresses) -> None:
    """Make the bridge with the host control plane's address."""
    bridge = addresses.bridge
    if not _has_link(bridge):
        _ip("link", "add", bridge, "type", "bridge")
    _ip("address", "replace", f"{addresses.host}/24", "dev", bridge)
    _ip("link", "set", bridge, "up")


def ensure_node(addresses: Addresses, index: int, nodes: int) -> None:
    """Make a node's namespace, its link to the bridge and the routes from and to the pods of all ``nodes``."""
    namespace = addresses.node_namespace(index)
    ensure_namespace(namespace)
    if not _has_link("eth0", namespace):
        link = addresses.node_link(index)
        _remove_link(link)
        _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        _ip("link", "set", link, "master", addresses.bridge, "up")
    _ip("-n", namespace, "address", "replace", f"{addresses.node(index)}/24", "dev", "eth0")
    _ip("-n", namespace, "link", "set", "eth0", "up")
    _ip("-n", namespace, "route", "replace", "default", "via", addresses.host)
    run([*inside(namespace), "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])
    _ip("route", "replace", str(addresses.node_pods(index)), "via", addresses.node(index), "dev", addresses.bridge)
    for other in range(1, nodes + 1):
        if other != index:
            _ip("-n", namespace, "route", "replace", str(addresses.node_pods(other)), "via", addresses.node(other))


def remove_node(addresses: Addresses, index: int) -> None:
    """Remove a node's namespace and link; its routes go with them."""
    remove_namespace(addresses.node_namespace(index))
    _remove_link(addresses.node_link(index))
    # The route would stay on the bridge, which does.
    pods = str(addresses.node_pods(index))
    if _has_link(addresses.bridge) and run([find_program("ip"), "route", "show", pods]).strip():
        _ip("route", "delete", pods)


def ensure_namespace(namespace: str) -> None:
    """Make a network namespace with its loopback."""
    if not is_namespace(NAMESPACES / namespace):
        (NAMESPACES / namespace).unlink(missing_ok=True)
        _ip("netns", "add", namespace)
    _ip("-n", namespace, "link", "set", "lo", "up")


def remove_namespace(namespace: str) -> None:
    """Remove a network namespace; the links in it go with it."""
    if (NAMESPACES / namespace).exists():
        _ip("netns", "delete", namespace)


def remove_everything(addresses: Addresses) -> None:
    """Remove every namespace and link of the instance; their names are its own by its number."""
    for path in sorted(NAMESPACES.glob(f"{addresses.prefix}-*")):
        remove_namespace(path.name)
    _remove_link(addresses.bridge)
    for link in _links():
        if link.startswith(f"{addresses.prefix}n"):
            _remove_link(link)


def address_of(namespace: str, link: str) -> str:
    """Return the IPv4 address of a link, "" when it or its namespace is not there."""
    if not is_namespace(NAMESPACES / namespace) or not _has_link(link, namespace):
        return ""
    return parse_address(run([find_program("ip"), "-json", "-4", "-n", namespace, "address", "show", "dev", link]))


def parse_address(output: str) -> str:
    """Read the first address from ``ip -json address``."""
    links = orjson.loads(output or "[]")
    return next((str(info["local"]) for link in links for info in link.get("addr_info", ())), "")


def _remove_link(link: str) -> None:
    """Remove a link if it is there; the kernel may come first, a moment after the namespace of its other end."""
    if not _has_link(link):
        return
    try:
        _ip("link", "delete", link)
    except LocalError:
        if _has_link(link):
            raise


def _has_link(link: str, namespace: str = "") -> bool:
    return link in _links(namespace)


def _links(namespace: str = "") -> list[str]:
    within = ("-n", namespace) if namespace else ()
    listed = orjson.loads(run([find_program("ip"), "-json", *within, "link", "show"]) or "[]")
    return [str(link["ifname"]) for link in listed]


def _ip(*arguments: str) -> None:
    run([find_program("ip"), *arguments])
