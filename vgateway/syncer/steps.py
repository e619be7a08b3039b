"""What may be done to bring two clusters together, one effect each.

Steps are values: a plan is a list of them, a test compares them. Who performs them is ``apply``.
"""

from dataclasses import dataclass, field

from vgateway.kube.objects import HostKey, Obj, Resource, VirtualKey


@dataclass(frozen=True, slots=True)
class CreateHost:
    """Make a host object; when the host refuses the addresses in ``body``, make ``otherwise`` instead."""

    resource: Resource
    body: Obj
    otherwise: Obj | None = None


@dataclass(frozen=True, slots=True)
class PatchHost:
    """Change this very host object by a merge patch, or a strategic one where lists merge by key."""

    resource: Resource
    key: HostKey
    patch: Obj
    subresource: str = ""
    strategic: bool = False
    otherwise: Obj | None = None
    uid: str = ""


@dataclass(frozen=True, slots=True)
class DeleteHost:
    """Delete this very host object; ``grace`` is in seconds, None leaves it to the object."""

    resource: Resource
    key: HostKey
    uid: str
    why: str
    grace: int | None = None


@dataclass(frozen=True, slots=True)
class CreateVirtual:
    """Make an object in the tenant's cluster; one that is there already is left alone.

    When the tenant's cluster refuses the addresses in ``body``, make ``otherwise`` instead.
    """

    resource: Resource
    body: Obj
    otherwise: Obj | None = None


@dataclass(frozen=True, slots=True)
class PatchVirtual:
    """Change this very object of the tenant by a merge patch, of itself or of its ``status``."""

    resource: Resource
    key: VirtualKey
    patch: Obj
    subresource: str = ""
    uid: str = ""


@dataclass(frozen=True, slots=True)
class DeleteVirtual:
    """Delete this very object of the tenant; ``grace`` is in seconds, None leaves it to the object."""

    resource: Resource
    key: VirtualKey
    uid: str
    why: str
    grace: int | None = None


@dataclass(frozen=True, slots=True)
class Bind:
    """Tell the tenant's cluster which node the pod runs on."""

    key: VirtualKey
    uid: str
    node: str


@dataclass(frozen=True, slots=True)
class TokenWant:
    """One service-account token that a pod's volume asks for; ``item`` is its key in the host Secret."""

    item: str
    audience: str
    seconds: int


@dataclass(frozen=True, slots=True)
class IssueTokens:
    """Request a pod's tokens of the tenant's cluster and put them into its host Secret.

    ``secret`` is the Secret without its data; it is made unless there is one, of ``secret_uid``.
    """

    pod: VirtualKey
    pod_uid: str
    service_account: str
    wants: tuple[TokenWant, ...]
    secret: Obj = field(hash=False)
    secret_uid: str = ""


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell the tenant, by an Event on the object."""

    reason: str
    message: str
    warning: bool = True


@dataclass(frozen=True, slots=True)
class Requeue:
    """Look at this key again after so many seconds."""

    after: float


@dataclass(frozen=True, slots=True)
class Remember:
    """Keep what both sides agree on, as digests by path: how the next round knows who moved."""

    seen: dict[str, int] = field(hash=False)


Step = (
    CreateHost
    | PatchHost
    | DeleteHost
    | CreateVirtual
    | PatchVirtual
    | DeleteVirtual
    | Bind
    | IssueTokens
    | Tell
    | Requeue
    | Remember
)
