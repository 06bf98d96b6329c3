"""mlserve beside other ways to put a scikit-learn model behind HTTP, in one run.

    python benchmarks/serve.py --install-peers
    python benchmarks/serve.py [--servers tutorial,mlserver,nginx] [--connections 1,8,32,128]

All servers run. They have their turns under load one after the other, and again; medians are shown,
and how many times mlserve is better: by requests per second, and by processor time per request,
which other processes disturb less. The load comes from one thread of wrk (Debian: apt-get install
wrk) on the same processors. The status of every answer is counted, and in each turn labels and
probabilities of some are compared with the estimator's. Runs on Linux, for its /proc.
"""

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.environments import find_installed, how_to_install, install
from serving.measure import Plan
from serving.models import ModelKind
from serving.peers import OURS, PEERS, Peer
from serving.report import show_targets
from serving.servers import StartError
from serving.session import Session

if TYPE_CHECKING:
    from serving.environments import Installed

PEERS_FOLDER = Path(__file__).absolute().parent.parent / ".peers"


def main() -> None:
    """Reads the options, measures and prints."""
    options = read_options()
    peers = options.servers
    if options.install_peers:
        missing = [peer.title for peer in peers if not install(peer, options.peers_dir)]
        sys.exit(f"Not installed: {', '.join(missing)}" if missing else 0)
    if not shutil.which("wrk"):
        sys.exit("This benchmark needs wrk: apt-get install wrk")
    # So that servers are stopped as they are after Ctrl+C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    installed = find_all(peers, options.peers_dir)
    plan = Plan(options.rounds, options.seconds)
    session = Session(installed, plan)
    print(", ".join(f"{one.peer.title} {one.version}".strip() for one in installed))
    turns = len(installed) * plan.rounds
    cases = len(options.models) * len(options.rows) * len(options.connections)
    print(f"{cases} cases, {turns} turns of {plan.seconds} s in each.", flush=True)
    try:
        for kind in options.models:
            with tempfile.TemporaryDirectory(prefix="mlserve-benchmark-") as folder:
                session.run(kind, options.rows, options.connections, Path(folder))
    except StartError as error:
        sys.exit(str(error))
    report = session.report()
    show_targets(report.targets)
    if options.json:
        options.json.write_text(report.to_json())
    if report.our_failures:
        sys.exit(f"{report.our_failures} answers of mlserve were wrong or did not come.")


def read_options() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    add = parser.add_argument
    names = ", ".join(peer.name for peer in PEERS if peer.name != OURS)
    add("--servers", type=peers_of, default="default", help=f"default, all, or some of {names}")
    add(
        "--models",
        type=listed(ModelKind, "logistic, forest"),
        default="logistic,forest",
        help="what is served: logistic, forest",
    )
    add("--rows", type=listed(count, "numbers"), default="1,100", help="in one request")
    add(
        "--connections",
        type=listed(count, "numbers"),
        default="1,32",
        help="open at the same time",
    )
    add("--seconds", type=count, default=1, help="of one turn of a server")
    add("--rounds", type=count, default=3, help="turns of each server in each case")
    add("--peers-dir", type=Path, default=PEERS_FOLDER, help="virtual environments of the servers")
    add("--install-peers", action="store_true", help="install the servers there and end")
    add("--json", type=Path, metavar="FILE", help="write every single run there")
    return parser.parse_args()


def peers_of(text: str) -> list[Peer]:
    """The servers that a text names; mlserve is always one, since all are compared with it."""
    if text in {"default", "all"}:
        return [peer for peer in PEERS if peer.is_default or text == "all"]
    names = text.split(",")
    unknown = set(names) - {peer.name for peer in PEERS}
    if unknown:
        raise argparse.ArgumentTypeError(f"no such server: {', '.join(sorted(unknown))}")
    return [peer for peer in PEERS if peer.name in {OURS, *names}]


def listed(item: Callable[[str], Any], expected: str) -> Callable[[str], list[Any]]:
    """What reads values that are separated by commas."""

    def values(text: str) -> list[Any]:
        try:
            return [item(part) for part in text.split(",")]
        except ValueError as error:
            message = f"expected {expected}, separated by commas; found '{text}'"
            raise argparse.ArgumentTypeError(message) from error

    return values


def count(text: str) -> int:
    """A number of things, from 1 on."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def find_all(peers: list[Peer], folder: Path) -> "list[Installed]":
    """The servers that are installed; says how to install the others."""
    found = []
    for peer in peers:
        installed = find_installed(peer, folder)
        if installed is None:
            print(f"Not installed: {peer.title}. {how_to_install(peer, folder)}")
        else:
            found.append(installed)
    return found


if __name__ == "__main__":
    main()
