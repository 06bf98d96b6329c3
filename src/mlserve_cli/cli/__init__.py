"""The command line: parse, one library call, print."""

__all__ = ["main"]


def main() -> None:
    """Entry point of the `mlserve` command."""
    import sys

    from mlserve_cli.cli.app import app

    # A terminal without a letter that is printed gets an escape, not an error.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    app(prog_name="mlserve")
