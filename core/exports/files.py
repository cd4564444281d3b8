"""Tables on disk, page by page: CSV (RFC 4180, UTF-8) and Parquet."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.exports.columns import COUNTS, NUMBERS

Rows = Sequence[Mapping[str, Any]]


class Table(Protocol):
    """A file that rows are added to."""

    def write(self, rows: Rows, vectors: NDArray[np.float32] | None = None) -> None:
        """Add rows, with a vector each where the file has them."""

    def close(self) -> None:
        """Finish the file."""


class CsvTable:
    """Comma-separated values; vectors have no place in it."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._columns = columns
        self._file = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file)
        self._writer.writerow(columns)

    def write(self, rows: Rows, vectors: NDArray[np.float32] | None = None) -> None:  # noqa: ARG002
        """Add rows."""
        self._writer.writerows([row[name] for name in self._columns] for row in rows)

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


class ParquetTable:
    """Parquet with a row group for each page; `emb` holds vectors of `dim` values, if not None."""

    def __init__(
        self, path: Path, columns: Sequence[str], dim: int | None, facts: Mapping[str, str]
    ) -> None:
        fields = [pa.field(name, _type(name)) for name in columns]
        if dim is not None:
            fields.append(pa.field("emb", pa.list_(pa.float32(), dim)))
        self._schema = pa.schema(fields, metadata=dict(facts))
        self._columns, self._dim = columns, dim
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")

    def write(self, rows: Rows, vectors: NDArray[np.float32] | None = None) -> None:
        """Add rows; `vectors` is float32 [rows, dim]."""
        columns = [
            pa.array([row[name] for row in rows], self._schema.field(name).type)
            for name in self._columns
        ]
        if vectors is not None and self._dim is not None:
            flat = pa.array(np.ascontiguousarray(vectors).ravel(), pa.float32())
            columns.append(pa.FixedSizeListArray.from_arrays(flat, self._dim))
        self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema))

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()


def _type(name: str) -> Any:
    if name in NUMBERS:
        return pa.float64()
    return pa.int64() if name in COUNTS else pa.string()
