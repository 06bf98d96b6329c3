"""The command line: parse, one library call, print."""

__all__ = ["main"]


def main() -> None:
    """Entry point of the `mlserve` command."""
    from mlserve_cli.cli.app import app

    app(prog_name="mlserve")
