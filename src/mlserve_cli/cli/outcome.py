"""How every command ends: exit codes, error messages, warnings, signals."""

import os
import signal
import sys
import warnings
from types import FrameType
from typing import Any, NoReturn

import typer
from typer._click.exceptions import ClickException
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
        for number in (signal.SIGTERM, signal.SIGHUP):
            # nohup has it ignored, and so it stays.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, _terminate)
        with warnings.catch_warnings():
            _show_warnings_as_one_line()
            try:
                return super().invoke(ctx)
            except (typer.Exit, typer.Abort, ClickException):
                raise
            except KeyboardInterrupt:
                typer.echo("Interrupted.", err=True)
                raise typer.Exit(128 + signal.SIGINT) from None
            except BrokenPipeError:
                # Whoever read our output has left; writing the rest would fail again at exit.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                raise typer.Exit(128 + signal.SIGPIPE) from None
            # Whatever is left: our own errors, the system's, and bugs.
            except Exception as error:
                if os.environ.get(_DEBUG):
                    raise
                _fail(_explained(error))


def _explained(error: Exception) -> MlserveError:
    if isinstance(error, MlserveError):
        return error
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return EngineError(f"{place}{error.strerror or error}.")
    return EngineError(
        f"mlserve did not expect this: {type(error).__name__}: {error}",
        hint=f"Run it again with {_DEBUG}=1 to see where it comes from.",
    )


def _fail(error: MlserveError) -> NoReturn:
    typer.secho("error: ", fg="red", bold=True, err=True, nl=False)
    typer.echo(error.message, err=True)
    if error.hint:
        typer.echo(error.hint, err=True)
    raise typer.Exit(error.exit_code) from error


def _terminate(number: int, _: FrameType | None) -> NoReturn:
    # Unwinds the stack, so that temporary files are removed; asked once more, that goes on.
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)


def _show_warnings_as_one_line() -> None:
    warnings.simplefilter("ignore")
    # Ours, and what estimators say about the data; not what libraries say to programmers.
    warnings.simplefilter("once", UserWarning)

    shown: set[str] = set()

    def show(message: Warning | str, *_: object, **__: object) -> None:
        # What Python itself remembers is lost whenever a library touches the filters.
        if str(message) in shown:
            return
        shown.add(str(message))
        typer.secho("warning: ", fg="yellow", bold=True, err=True, nl=False)
        typer.echo(str(message), err=True)

    warnings.showwarning = show
