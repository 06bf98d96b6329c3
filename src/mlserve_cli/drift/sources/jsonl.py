"""JSON Lines as data."""

import io
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.json as pa_json

from mlserve_cli.drift.sources.typed import Piece, TypedStream, UnfitError
from mlserve_cli.errors import InputError
from mlserve_cli.tables.source import Source

_NO_OBJECT = re.compile(rb"^[ \t\r]*([^{ \t\r\n].{0,9})", re.MULTILINE)
_COLUMN = re.compile(r"Column\(/([^)]*)\)")


def open_jsonl(path: Path) -> TypedStream:
    """A file with one JSON object per line; columns are its keys.

    Raises:
        InputError: It cannot be read.
    """
    return TypedStream(path, _JsonLayout(str(path)))


class _JsonLayout:
    """See `Layout`."""

    name = "JSON Lines"

    def __init__(self, file_name: str) -> None:
        self._file_name = file_name

    def start(self, source: Source) -> bytes:
        first = source.read(1)
        if first == b"[":
            raise InputError(
                f"{self._file_name} holds one JSON array; one object per line is expected.",
                hint=f"Convert it with: jq -c '.[]' {self._file_name} > NEW.jsonl",
            )
        return first

    def cut(self, data: bytes, *, final: bool) -> int:
        # A line end inside of a JSON text is always escaped.
        return len(data) if final else data.rfind(b"\n") + 1

    def parse(self, piece: Piece, types: dict[str, pa.DataType] | None) -> pa.Table:
        if not piece.data.strip():
            return pa.table({name: pa.array([], kind) for name, kind in (types or {}).items()})
        self._refuse_other_values(piece)
        plain = None
        if types is not None:
            # The parser knows no dictionaries.
            plain = pa.schema(
                [
                    (name, kind.value_type if pa.types.is_dictionary(kind) else kind)
                    for name, kind in types.items()
                ]
            )
        try:
            return pa_json.read_json(
                io.BytesIO(piece.data),
                read_options=pa_json.ReadOptions(use_threads=False, block_size=len(piece.data) + 1),
                parse_options=pa_json.ParseOptions(
                    explicit_schema=plain,
                    unexpected_field_behavior="infer" if plain is None else "ignore",
                ),
            )
        except pa.ArrowInvalid as error:
            raise self._explained(error, types) from error

    def _refuse_other_values(self, piece: Piece) -> None:
        # pyarrow ends the whole process where a line is null. Counting is far faster than to look
        # for what is wrong, and right in nearly all files.
        if piece.data[:1] == b"{" and piece.data.count(b"\n") == (
            piece.data.count(b"\n{") + piece.data.endswith(b"\n")
        ):
            return
        found = _NO_OBJECT.search(piece.data)
        if found is not None:
            row = piece.rows + piece.data.count(b"\n", 0, found.end()) + 1
            raise InputError(
                f"{self._file_name}, line {row}: one JSON object per line is expected; the line "
                f"begins with {found[1].decode('utf-8', 'replace')!r}."
            )

    def _explained(self, error: pa.ArrowInvalid, types: dict[str, pa.DataType] | None) -> Exception:
        text = str(error).splitlines()[0]
        found = _COLUMN.search(text)
        if types is not None:
            return UnfitError(found[1] if found else None, text)
        column = f", column {found[1]!r}" if found else ""
        return InputError(
            f"{self._file_name}{column}: {text}.",
            hint="One JSON object per line is expected, with values of one type in each column.",
        )
