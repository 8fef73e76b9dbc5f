"""The freshness token of a change just made, from the connection that made it.

Owns how a token is read with psycopg 3. It must not know the server.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # Not at run time: who has no psycopg needs neither function, and the rest works without.
    import psycopg

_TOKEN = "SELECT teamgraph.teamgraph_token()"
# libpq's PQTRANS_IDLE: connected, and no transaction is open.
_IDLE = 0


def read_token(connection: "psycopg.Connection[Any]") -> str:
    """A token that covers everything that this connection has committed.

    Send it with `at_least_as_fresh`. To be called after the commit: a token made before it would
    not cover the change, so a connection with an open transaction is refused by `ValueError`.
    """
    from psycopg.rows import tuple_row

    _refuse_open(connection.info.transaction_status)
    # A transaction of its own, so that none is left open behind it.
    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        return _text(cursor.execute(_TOKEN).fetchone())


async def read_token_async(connection: "psycopg.AsyncConnection[Any]") -> str:
    """As `read_token`, for psycopg's connections of asyncio."""
    from psycopg.rows import tuple_row

    _refuse_open(connection.info.transaction_status)
    async with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_TOKEN)
        return _text(await cursor.fetchone())


def _refuse_open(transaction_status: int) -> None:
    if transaction_status != _IDLE:
        raise ValueError(
            "the connection has a transaction open, and a token made now would not cover it: "
            "commit first"
        )


def _text(row: tuple[Any, ...] | None) -> str:
    if row is None or not isinstance(row[0], str):
        raise TypeError(f"teamgraph.teamgraph_token() gave {row}")
    return row[0]
