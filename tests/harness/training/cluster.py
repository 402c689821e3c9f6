"""A Slurm cluster of one node, this machine, with GPUs that are only device files: everything below one folder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

INSTALL = "apt-get install --no-install-recommends slurmctld slurmd slurm-client munge"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "mknod")
_PATIENCE_S = 30


def missing() -> str:
    """Why no cluster can be started here; empty if one can."""
    if absent := [program for program in PROGRAMS if shutil.which(program) is None]:
        return f"needs {', '.join(absent)}: {INSTALL}"
    if os.geteuid() != 0:
        return "needs root, who alone may run slurmd and make device files"
    return ""


@contextmanager
def one_node_cluster(folder: Path, *, gpus: int = 2) -> Iterator[Path]:
    """Run munged, slurmctld and slurmd until the block ends; gives the file that SLURM_CONF has to name.

    Nothing outside `folder` is written, and the daemons stay in the foreground, so that all of them end with the block.
    """
    folder.mkdir(parents=True)
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o400)
    for number in range(gpus):
        subprocess.run(["mknod", folder / f"gpu{number}", "c", "195", str(number)], check=True)
    devices = f"Name=gpu File={folder}/gpu[0-{gpus - 1}]\n"
    (folder / "gres.conf").write_text(devices, encoding="utf-8")
    configuration = folder / "slurm.conf"
    configuration.write_text(_configuration(folder, gpus), encoding="utf-8")
    with ExitStack() as daemons:
        munge = [f"--{what}-file={folder}/munge.{what}" for what in ("key", "pid", "seed", "log")]
        daemons.enter_context(
            _daemon(folder, "munged", "--foreground", "--force", f"--socket={folder}/munge.socket", *munge)
        )
        _wait(folder, lambda: (folder / "munge.socket").exists())
        daemons.enter_context(_daemon(folder, "slurmctld", "-D", "-c", "-f", str(configuration)))
        daemons.enter_context(_daemon(folder, "slurmd", "-D", "-f", str(configuration)))
        environment = os.environ | {"SLURM_CONF": str(configuration)}
        _wait(folder, lambda: _says(environment, "sinfo", "--noheader", "--format=%T") == "idle")
        try:
            yield configuration
        finally:
            subprocess.run(["scancel", "--user=root"], env=environment, check=True)
            _wait(folder, lambda: _says(environment, "squeue", "--noheader") == "")


def _configuration(folder: Path, gpus: int) -> str:
    host = socket.gethostname().partition(".")[0]
    controller, node = _free_ports(2)
    return f"""\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=defer_batch,sched_min_interval=0
ReturnToService=2
KillWait=2
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def _free_ports(count: int) -> list[int]:
    with ExitStack() as sockets:
        bound = [sockets.enter_context(socket.socket()) for _ in range(count)]
        for one in bound:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in bound]


@contextmanager
def _daemon(folder: Path, *command: str) -> Iterator[None]:
    with (folder / "daemons.log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _says(environment: Mapping[str, str], *command: str) -> str:
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout.strip()


def _wait(folder: Path, ready: Callable[[], bool]) -> None:
    until = time.monotonic() + _PATIENCE_S
    while not ready():
        if time.monotonic() > until:
            raise TimeoutError(f"no cluster after {_PATIENCE_S} s:\n{(folder / 'daemons.log').read_text('utf-8')}")
        time.sleep(0.05)
