"""The command line: parse, one library call, print."""

__all__ = ["main"]


def main() -> None:
    """Entry point of the `mlserve` command."""
    import os
    import sys
    from pathlib import Path

    from mlserve_cli.cli.app import app

    # Whoever closed it does not want to be told anything.
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115

    # A terminal without a letter that is printed gets an escape, not an error.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    app(prog_name="mlserve")
