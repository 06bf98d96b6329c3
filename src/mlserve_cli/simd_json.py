"""A SIMD parser of JSON for each thread.

To make one costs more than to read a text of 40 kB, because of the memory that it asks for.
"""

import threading

try:
    from simdjson import Array, Object, Parser
# It comes compiled for Python up to 3.13.
except ImportError:  # pragma: no cover
    Parser = None  # type: ignore[assignment, misc]
    Array = Object = ()  # type: ignore[assignment, misc]

__all__ = ["UNREADABLE", "Array", "Object", "Parser", "parser_of_thread"]

# What it raises; a text that is not UTF-8 is a ValueError, one too deep a RuntimeError.
UNREADABLE = (ValueError, TypeError, RuntimeError)

_threads = threading.local()


def parser_of_thread() -> "Parser | None":
    """The calling thread's parser; None where there is none for this Python.

    What it parsed must have gone before it is used again. It keeps about fourteen times the memory
    of the longest text that it has read.
    """
    try:
        parser: Parser | None = _threads.parser
    except AttributeError:
        parser = _threads.parser = None if Parser is None else Parser()
    return parser
