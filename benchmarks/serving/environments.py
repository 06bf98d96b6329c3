"""Where the servers are installed: in virtual environments, since they exclude each other."""

import importlib.metadata
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from serving.peers import CEILING, Peer

# Administrators' programs, which are not on everybody's path.
_SYSTEM_PROGRAMS = "/usr/sbin:/usr/local/sbin"


@dataclass(frozen=True, slots=True)
class Installed:
    """A server that can be started.

    Attributes:
        peer: Which.
        programs: Folder of its programs; comes before `PATH`.
    """

    peer: Peer
    programs: Path

    @property
    def path(self) -> str:
        """What its `PATH` is."""
        return f"{self.programs}:{os.environ.get('PATH', '')}:{_SYSTEM_PROGRAMS}"

    def program(self, name: str) -> str:
        """Where a program is; its name where it is nowhere."""
        return shutil.which(name, path=self.path) or name

    @property
    def version(self) -> str:
        """Of the server's package; empty where that is not known."""
        if self.peer.name == CEILING:
            return ""
        requirements = self.peer.requirements or ("mlserve_cli",)
        package = re.split(r"[\[<=>]", requirements[0])[0]
        found = self.programs.parent.glob(f"lib/python3*/site-packages/{package}-*.dist-info")
        return next((entry.name.split("-")[1].removesuffix(".dist") for entry in found), "")


def find_installed(peer: Peer, folder: Path) -> Installed | None:
    """A server's programs; None if it is not installed.

    Args:
        peer: The server.
        folder: Of the virtual environments.
    """
    here = Installed(peer, Path(sys.executable).parent)
    if peer.name == CEILING:
        return here if Path(here.program("nginx")).is_absolute() else None
    if not peer.venv:
        return here
    if _mark(peer, folder).exists():
        return Installed(peer, folder.absolute() / peer.venv / "bin")
    usable = peer.modules and all(importlib.util.find_spec(name) for name in peer.modules)
    return here if usable else None


def how_to_install(peer: Peer, folder: Path) -> str:
    """The command that would install a server."""
    if peer.name == CEILING:
        return "apt-get install nginx"
    options = ["--install-peers", "--servers", peer.name, "--peers-dir", str(folder)]
    return shlex.join(["python", "benchmarks/serve.py", *options])


def install(peer: Peer, folder: Path) -> bool:
    """Installs a server, with the scikit-learn that is installed here; False if pip did not.

    Args:
        peer: The server.
        folder: Of the virtual environments.
    """
    if not peer.venv or _mark(peer, folder).exists():
        return True
    target = folder / peer.venv
    learn = f"scikit-learn=={importlib.metadata.version('scikit-learn')}"
    steps = (
        [sys.executable, "-m", "venv", "--clear", str(target)],
        [str(target / "bin" / "pip"), "install", "--quiet", *peer.requirements, learn],
    )
    for step in steps:
        print("$", shlex.join(step), flush=True)
        if subprocess.run(step, check=False).returncode:
            return False
    _mark(peer, folder).touch()
    return True


def _mark(peer: Peer, folder: Path) -> Path:
    """Written last, so that half an installation is none."""
    return folder / peer.venv / ".installed"
