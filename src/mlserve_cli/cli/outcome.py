"""How every command ends: exit codes, error messages, warnings, signals."""

import os
import signal
import sys
import warnings
from types import FrameType
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from mlserve_cli.errors import EngineError, MlserveError

_DEBUG = "MLSERVE_DEBUG"


class OutcomeGroup(TyperGroup):
    """A command group that turns every exception into one message and one exit code.

    Exit code 1 is kept for checks that found something, so no failure may end in it: neither ours,
    nor an interrupted or piped-away command, nor a bug.
    """

    def invoke(self, ctx: Any) -> Any:
        """Runs a subcommand. A traceback is shown only with `MLSERVE_DEBUG=1`."""
        signal.signal(signal.SIGTERM, _terminate)
        with warnings.catch_warnings():
            _show_warnings_as_one_line()
            try:
                return super().invoke(ctx)
            except MlserveError as error:
                _fail(error, error.exit_code)
            except KeyboardInterrupt:
                typer.echo("Interrupted.", err=True)
                raise typer.Exit(128 + signal.SIGINT) from None
            except BrokenPipeError:
                # Whoever read our output has left; writing the rest would fail again at exit.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                raise typer.Exit(128 + signal.SIGPIPE) from None
            except OSError as error:
                place = f"{error.filename}: " if error.filename else ""
                _fail(EngineError(f"{place}{error.strerror or error}."), EngineError.exit_code)


def _fail(error: MlserveError, exit_code: int) -> NoReturn:
    if os.environ.get(_DEBUG):
        raise error
    typer.secho("error: ", fg="red", bold=True, err=True, nl=False)
    typer.echo(error.message, err=True)
    if error.hint:
        typer.echo(error.hint, err=True)
    raise typer.Exit(exit_code) from error


def _terminate(number: int, _: FrameType | None) -> NoReturn:
    # Unwinds the stack, so that temporary files are removed.
    raise SystemExit(128 + number)


def _show_warnings_as_one_line() -> None:
    warnings.simplefilter("ignore")
    # Ours, and what estimators say about the data; not what libraries say to programmers.
    warnings.simplefilter("once", UserWarning)

    def show(message: Warning | str, *_: object, **__: object) -> None:
        typer.secho("warning: ", fg="yellow", bold=True, err=True, nl=False)
        typer.echo(str(message), err=True)

    warnings.showwarning = show
