"""Takes local clusters down, whatever state a kill left them in: everything is found by what was recorded.

The data is thrown away, so nothing is asked to end nicely: processes are killed, then what they held is removed.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace

from vgateway.local.cgroups import end_group
from vgateway.local.errors import LocalError
from vgateway.local.inotify import restore_limit
from vgateway.local.instance import Instance
from vgateway.local.instances import is_alone, release, reserved
from vgateway.local.mounts import remove_own_directories, unmount_below
from vgateway.local.network import remove_everything
from vgateway.local.paths import Paths, run_root
from vgateway.local.processes import Processes
from vgateway.local.progress import Progress
from vgateway.local.state import State, load_state, refuse_strangers, save_state
from vgateway.local.tenancy import leave_host
from vgateway.local.virtualcluster import Virtual, end_virtual


def recorded_state(paths: Paths, environ: Mapping[str, str]) -> State | None:
    """Return what is recorded; after a kill right after the reservation, that alone."""
    state = load_state(paths.state)
    if state is not None:
        return state
    rooted = os.geteuid() == 0
    number = reserved(run_root(environ, rooted=rooted), paths.home)
    return None if number is None else State(number, rooted)


def take_down(paths: Paths, environ: Mapping[str, str], progress: Progress) -> bool:
    """Remove everything of this state directory but the lock, which the caller holds; say whether there was anything.

    Raises LocalError when some process cannot be ended.
    """
    state = recorded_state(paths, environ)
    if state is None:
        _remove_files(paths)
        return False
    refuse_strangers(state, rooted=os.geteuid() == 0)
    with progress.step("taking the clusters down"):
        processes = Processes(paths.processes, paths.logs)
        # The kubelets first: they would start again what is killed.
        processes.stop(sorted(processes.names(), key=lambda name: not name.endswith("/kubelet")))
        run = run_root(environ, rooted=state.rooted) / str(state.number)
        if state.rooted:
            if not end_group(state.addresses.prefix):
                raise LocalError("some processes of the clusters cannot be ended: try again")
            unmount_below(run, paths.home)
            remove_everything(state.addresses)
            if is_alone(run.parent, state.number):
                remove_own_directories()
                restore_limit(run.parent)
        _remove_files(paths)
        release(run.parent, state.number)
    return True


def take_down_virtual(instance: Instance, state: State, name: str) -> State:
    """Remove one virtual cluster and leave the rest; return the state without it."""
    if name not in state.virtual:
        raise LocalError(f"there is no virtual cluster {name} (there are: {', '.join(state.virtual) or 'none'})")
    refuse_strangers(state, rooted=os.geteuid() == 0)
    if not instance.host_api.is_ready():
        raise LocalError(
            "the host cluster does not answer: `vgateway local up` repairs it, `down` alone ends everything"
        )
    with instance.progress.step(f"taking {name} down"):
        end_virtual(Virtual(instance, name, state.virtual[name]), state.nodes)
        leave_host(instance, name)
        state = replace(state, virtual={key: cluster for key, cluster in state.virtual.items() if key != name})
        save_state(instance.paths.state, state)
    return state


def _remove_files(paths: Paths) -> None:
    """Remove all but the lock; the record goes last, so that a kill leaves what is needed to go on."""
    if not paths.home.exists():
        return
    for path in paths.home.iterdir():
        if path in {paths.lock, paths.state}:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    paths.state.unlink(missing_ok=True)
