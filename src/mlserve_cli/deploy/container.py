"""A container image of a model, and a Compose file that runs it."""

import json
import shlex

import yaml

from mlserve_cli.deploy.packaged import Packaged

PORT = 8000
# Inside a container; what of it is open to whom is said outside.
_EVERYWHERE = "0.0.0.0"  # noqa: S104
USER = 10001
# A server waits 30 seconds for what is in flight, its supervisor 10 more.
STOP_SECONDS = 45

_READY = f"http://127.0.0.1:{PORT}/health/ready"
_CHECK = f"import urllib.request as r; r.urlopen('{_READY}', timeout=2)"
# LightGBM's wheels rely on OpenMP from the system, which slim images lack.
_OPENMP = """\
RUN apt-get update \\
 && apt-get install --yes --no-install-recommends libgomp1 \\
 && rm -rf /var/lib/apt/lists/*
"""


def dockerfile(packaged: Packaged, path: str) -> str:
    """A Dockerfile that serves the model as an unprivileged user.

    Args:
        packaged: The model.
        path: Where the file will be, for the command that it shows.
    """
    libraries = dict(packaged.libraries)
    python = ".".join(libraries.pop("python", "3.12").split(".")[:2])
    pinned = " \\\n    ".join(f'"{name}=={version}"' for name, version in libraries.items())
    target = f"/models/{packaged.model}/{packaged.version}"
    # The port is given since Kubernetes sets MLSERVE_PORT for a service called mlserve.
    serving = json.dumps(["mlserve", "serve", "--host", _EVERYWHERE, "--port", str(PORT)])
    return f"""\
# Build it from the folder that holds {packaged.folder}:
#   docker build --file {shlex.quote(path)} --tag {packaged.image} .
FROM python:{python}-slim

{_OPENMP if "lightgbm" in libraries else ""}RUN useradd --uid {USER} --no-create-home mlserve

# As the model was saved with: others may predict something else.
RUN pip install --no-cache-dir \\
    {pinned}

COPY --chown={USER}:{USER} {json.dumps([str(packaged.folder), target])}

ENV PYTHONUNBUFFERED=1 \\
    MLSERVE_MODELS=/models \\
    MLSERVE_MODEL={packaged.model}/{packaged.version}

USER {USER}
WORKDIR /tmp
EXPOSE {PORT}
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \\
    CMD {json.dumps(["python", "-c", _CHECK])}
CMD {serving}
"""


def dockerignore(packaged: Packaged) -> str:
    """Leaves everything but the model out of the build."""
    return f"*\n!{packaged.folder}\n"


def compose(packaged: Packaged, context: str, path: str) -> str:
    """A Compose file with the model as its only service.

    Args:
        packaged: The model.
        context: The folder that the image is built from, relative to this file.
        path: The Dockerfile, relative to that folder.
    """
    service = {
        "image": packaged.image,
        "build": {"context": context, "dockerfile": path},
        # Open it to others once there is a key (MLSERVE_API_KEY_FILE) or a proxy that asks for one.
        "ports": [f"127.0.0.1:{PORT}:{PORT}"],
        "restart": "unless-stopped",
        "stop_grace_period": f"{STOP_SECONDS}s",
        "read_only": True,
        "tmpfs": ["/tmp"],  # noqa: S108 -- A folder of the container.
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
    }
    return yaml.safe_dump({"services": {packaged.resource: service}}, sort_keys=False)
