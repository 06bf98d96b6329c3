"""What other programs need to run and to watch a server: files to be read, changed and kept."""

from mlserve_cli.deploy.write import Target, deploy

__all__ = ["Target", "deploy"]
