"""Containers without an engine: an image's file system in namespaces of its own, as its configuration says it is run.

As under Docker with `--read-only --cap-drop ALL --security-opt no-new-privileges --network host`: the entry point is
process 1, the image's user, environment and working folder hold, the root is read-only. What an engine has besides is
missing: cgroups, a seccomp filter, its init.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.daemon import Result
from tests.lab.processes import Child, LabError, until

HERE = Path(__file__).resolve().parent
IMAGES = HERE.parents[1] / ".lab/images"
BUILD_SECONDS = 1200
START_SECONDS = 5.0
HTTP_PORT = 8573  # pbxd's default, which its image's health check asks


@dataclass(frozen=True)
class Image:
    """A built image: its file system and what its Dockerfile said."""

    root: Path
    config: dict[str, Any]  # of the Docker image: User, Env, Entrypoint …

    @property
    def user(self) -> tuple[str, str]:
        """The user's and his group's number."""
        for line in (self.root / "etc/passwd").read_text(encoding="utf-8").splitlines():
            name, _password, uid, gid, *_rest = line.split(":")
            if name == self.config["User"]:
                return uid, gid
        raise LabError(f"the image has no user {self.config['User']}")

    @property
    def environment(self) -> list[str]:
        return list(self.config["Env"])


def build(what: str) -> Image:
    """Build the image `pbxd` or `asterisk` from its Dockerfile, or take it as it is when nothing changed."""
    done = subprocess.run(
        [str(HERE / "build.sh"), what], capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
    )
    if done.returncode != 0:
        raise LabError(f"build.sh {what} → {done.returncode}\n{done.stderr[-4000:]}")
    return built(what)


def built(what: str) -> Image:
    """Return the image that was built last."""
    folder = IMAGES / f"built-{what}"
    told = json.loads((folder / "image.json").read_text(encoding="utf-8"))
    return Image(folder / "root", told["Docker"]["config"])


class Container:
    """One running image."""

    def __init__(self, image: Image, child: Child) -> None:
        self.image = image
        self.child = child

    @classmethod
    async def start(cls, image: Image, mounts: Iterable[str], *, log: Path, arguments: Sequence[str] = ()) -> Container:
        """Run the entry point, with `arguments` or the image's own.

        `mounts` are `bind=SOURCE:TARGET[:ro]` and `tmpfs=TARGET:OPTIONS`, later ones over earlier ones.
        """
        command = [*image.config["Entrypoint"], *(arguments or image.config["Cmd"])]
        child = await Child.start(
            [
                "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child",
                str(HERE / "enter.sh"), str(image.root), *image.user, image.config["WorkingDir"], *mounts, "--",
                *image.environment, *command,
            ],
            log=log,
        )  # fmt: skip
        container = cls(image, child)
        await until(container._entered, "the container's root", timeout=START_SECONDS)
        return container

    def _entered(self) -> bool:
        """Whether process 1 is in its own file system, or has ended already."""
        if self.child.returncode is not None:
            return True
        children = self._children()
        try:
            return bool(children) and Path(f"/proc/{children[0]}/root").readlink() == self.image.root
        except FileNotFoundError:  # ended just now
            return True

    def _children(self) -> list[int]:
        try:
            told = Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children").read_text(encoding="ascii")
        except FileNotFoundError:
            return []
        return [int(each) for each in told.split()]

    def process_one(self) -> int:
        """Return the number of the container's first process, as seen from outside."""
        children = self._children()
        if not children:
            raise LabError(f"the container has ended\n{self.child.tail()}")
        return children[0]

    def status(self) -> dict[str, str]:
        """Return what the kernel tells of process 1 (proc_pid_status(5))."""
        text = Path(f"/proc/{self.process_one()}/status").read_text(encoding="utf-8")
        return {name: value.strip() for name, _colon, value in (line.partition(":") for line in text.splitlines())}

    def exec(self, *command: str) -> Result:
        """Run a program inside, as `docker exec` does."""
        inside = ["nsenter", "--target", str(self.process_one()), "--mount", "--pid", "--root", "--wd"]
        uid, gid = self.image.user
        dropped = ["setpriv", "--reuid", uid, "--regid", gid, "--clear-groups", "--bounding-set=-all", "--no-new-privs"]
        done = subprocess.run(
            [*inside, *dropped, "env", "-i", *self.image.environment, *command],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        return Result(done.returncode, done.stdout, done.stderr)

    def health(self, *, port: int = HTTP_PORT) -> Result:
        """Run the image's HEALTHCHECK; `port` where the configuration has another one than the image expects."""
        kind, *command = self.image.config["Healthcheck"]["Test"]
        if kind != "CMD":
            raise LabError(f"a health check of the kind {kind}")
        return self.exec(*(word.replace(f":{HTTP_PORT}/", f":{port}/") for word in command))

    async def stop(self) -> int:
        """Send process 1 the image's stop signal, as `docker stop` does; return its exit status."""
        os.kill(self.process_one(), signal.Signals[self.image.config["StopSignal"]])
        return await self.child.wait()
