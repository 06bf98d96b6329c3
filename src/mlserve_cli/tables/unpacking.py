"""Record batches of Arrow files, of which large compressed ones are unpacked to disk.

pyarrow unpacks a record batch as a whole, and some programs write a file as one batch. Its columns
are unpacked a few at a time, then.
"""

import mmap
from collections.abc import Sequence
from typing import IO

import pyarrow as pa
import pyarrow.ipc

from mlserve_cli.tables.arrow_compression import is_compressed
from mlserve_cli.tables.mapped import Forgetting
from mlserve_cli.tables.unnamed import unnamed_file

# What is unpacked at once: 16 MiB of numbers, more of long texts.
_VALUES_AT_ONCE = 1 << 21


class UnpackedBatches:
    """The record batches of an Arrow file.

    Args:
        file: The file, mapped or elsewhere.
        name: What the user calls it.
        mapped: Its memory; None where it is not mapped.
        read: Gives that memory back.
    """

    def __init__(
        self, file: pa.NativeFile, name: str, mapped: pa.Buffer | None, read: Forgetting | None
    ) -> None:
        self._file = file
        self._name = name
        # Its values are those of the file itself, since nothing has to be unpacked.
        self._is_plain = mapped is not None and not is_compressed(mapped)
        self._read = read
        self._reader = pyarrow.ipc.open_file(file)
        self.schema = self._reader.schema

    def __len__(self) -> int:
        return int(self._reader.num_record_batches)

    def read(self, number: int) -> tuple[pa.RecordBatch, Forgetting | None]:
        """A record batch, and what gives back the memory that its values are mapped to.

        Raises:
            EngineError: There is no space for its values.
            pa.ArrowException: It is damaged.
        """
        if self._is_plain or not len(self.schema):
            return self._reader.get_batch(number), self._read
        first = self._columns(number, [0])
        step = max(1, _VALUES_AT_ONCE // max(first.num_rows, 1))
        if step >= len(self.schema):
            return self._reader.get_batch(number), self._read
        del first
        groups = [
            list(range(start, min(start + step, len(self.schema))))
            for start in range(0, len(self.schema), step)
        ]
        return self._unpacked(number, groups)

    def _columns(self, number: int, positions: list[int]) -> pa.RecordBatch:
        options = pyarrow.ipc.IpcReadOptions(included_fields=positions)
        return pyarrow.ipc.open_file(self._file, options=options).get_batch(number)

    def _unpacked(
        self, number: int, groups: Sequence[list[int]]
    ) -> tuple[pa.RecordBatch, Forgetting]:
        with unnamed_file(self._name) as file:
            starts = []
            for group in groups:
                starts.append(file.tell())
                columns = self._columns(number, group)
                _write(columns, file)
                if self._read is not None:
                    self._read.count(columns.nbytes)
                del columns
            file.flush()
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        content = pa.py_buffer(mapped)
        arrays = [
            array
            for start in starts
            for array in pyarrow.ipc.open_stream(content.slice(start)).read_next_batch().columns
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema), Forgetting(mapped)


def _write(batch: pa.RecordBatch, file: IO[bytes]) -> None:
    with pyarrow.ipc.new_stream(pa.PythonFile(file, "w"), batch.schema) as writer:
        writer.write_batch(batch)
