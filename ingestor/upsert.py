"""Many rows in one statement: they travel as one JSON parameter."""

import json
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Table, TextClause, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def statement(
    table: Table, columns: Sequence[str], *, sets: Mapping[str, str] | None = None
) -> TextClause:
    """Return INSERT … ON CONFLICT DO UPDATE for rows given as JSON in `:rows`.

    Columns outside the primary key are overwritten where they differ; `sets` gives other
    expressions, over the table's name and `excluded`. Returns whether each row touched was new.
    """
    key = [column.name for column in table.primary_key.columns]
    names = ", ".join(f'"{name}"' for name in columns)
    types = ", ".join(f'"{name}" {table.c[name].type.compile(_DIALECT)}' for name in columns)
    rest = {name: f'excluded."{name}"' for name in columns if name not in key}
    rest |= sets or {}
    assignments = ", ".join(f'"{name}" = {value}' for name, value in rest.items())
    old = ", ".join(f'{table.name}."{name}"' for name in rest)
    return text(
        f"INSERT INTO {table.name} ({names})"
        f" SELECT {names} FROM json_to_recordset(CAST(:rows AS json)) AS given({types})"
        f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {assignments}"
        f" WHERE ({old}) IS DISTINCT FROM ({', '.join(rest.values())})"
        " RETURNING (xmax = 0) AS is_new"
    )


async def upsert(
    connection: AsyncConnection, prepared: TextClause, rows: Iterable[Mapping[str, object]]
) -> tuple[int, int]:
    """Run a `statement` over the rows; returns (new, changed)."""
    given = list(rows)
    if not given:
        return 0, 0
    # What is not named is NULL: most columns of most rows.
    named = [{name: value for name, value in row.items() if value is not None} for row in given]
    payload = json.dumps(named, default=str, ensure_ascii=False)
    found = (await connection.execute(prepared, {"rows": payload})).scalars().all()
    new = sum(found)
    return new, len(found) - new
