"""Keys of dicts and items of sets that a model file may make the process hash."""

from collections.abc import Iterable
from typing import Any

_MAX_KEY_PARTS = 10_000
_MAX_KEY_DEPTH = 20
_PLAIN_KEYS = frozenset((str, int, bytes, float, bool, type(None), complex))


class EndlessKeyError(ValueError):
    """A key that would take forever to hash."""


def check_keys(keys: Iterable[Any]) -> None:
    """Refuses keys that take forever, or the whole stack of the process, to hash.

    Tuples of tuples that share their parts have exponentially many paths; hashing follows each,
    and follows them by recursion in C.

    Raises:
        EndlessKeyError: A key is nested too deeply or has too many parts.
    """
    for key in keys:
        if type(key) not in _PLAIN_KEYS and isinstance(key, tuple | frozenset):
            _check_compound_key(key)


def _check_compound_key(key: Any) -> None:
    level, parts = [key], 0
    for _ in range(_MAX_KEY_DEPTH):
        level = [part for part in level if isinstance(part, tuple | frozenset)]
        if not level:
            return
        parts += sum(map(len, level))
        if parts > _MAX_KEY_PARTS:
            break
        level = [item for part in level for item in part]
    raise EndlessKeyError("a key of a dict or set is nested too deeply")
