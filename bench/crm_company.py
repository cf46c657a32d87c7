"""A company of any size, made inside the database: a million rows take seconds."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from core.db import Database

BUSY = 1  # the customer with many events
BUSY_EVENTS = 10_000
_NOW = "2026-11-20 09:00:00.000000"

# {at}: a moment `n` minutes before now; {n}: the series. Both are written per database.
_PEOPLE = (
    "INSERT INTO customer (id, external_ref, given_name, family_name, language, time_zone, city, vip,"
    " do_not_disturb, created_at) SELECT n, 'b' || n, 'Мария', 'Соколова' || (n % 5000), 'ru',"
    " 'Europe/Moscow', 'Казань', {false}, {false}, {at} FROM {n}"
)
_CONTACTS = (
    "INSERT INTO contact_point (customer_id, kind, value, created_at)"
    " SELECT n, 'phone', '+7910' || (1000000 + n), {at} FROM {n}",
    "INSERT INTO contact_point (customer_id, kind, value, created_at)"
    " SELECT n, 'email', 'b' || n || '@example.com', {at} FROM {n}",
)
_EVENTS = {  # one after another, until every customer has enough
    "order": "INSERT INTO orders (customer_id, number, state, total_minor, currency, delivery_method,"
    " delivery_city, placed_at) SELECT n, '{round}-' || n, 'shipped', 149900, 'RUB', 'courier', 'Казань',"
    " {at} FROM {n}",
    "interaction": "INSERT INTO interaction (customer_id, kind, direction, subject, text, source, at)"
    " SELECT n, 'call', 'in', 'Где заказ?', '', 'telephony', {at} FROM {n}",
    "ticket": "INSERT INTO ticket (customer_id, number, kind, state, priority, subject, text, opened_at,"
    " updated_at) SELECT n, '{round}-' || n, 'question', 'solved', 'normal', 'Вопрос', '', {at}, {at}"
    " FROM {n}",
    "review": "INSERT INTO review (customer_id, subject, stars, text, source, at)"
    " SELECT n, 'Чайник', 5, 'Хороший', 'shop', {at} FROM {n}",
    "consent": "INSERT INTO consent_record (customer_id, purpose, channel, decision, text_version, source,"
    " at, created_at) SELECT n, 'marketing', 'email', 'granted', '1', 'form', {at}, {at} FROM {n}",
}
_BUSY = (
    "INSERT INTO identity (id, channel, account, external_id, customer_id, created_at)"
    " VALUES (1, 'web', 'shop', 'busy', 1, '{now}')",
    "INSERT INTO conversation (id, identity_id, channel, account, language, owner, epoch, status, last_seq,"
    " created_at, updated_at) VALUES ('busy', 1, 'web', 'shop', 'ru', 'bot', 0, 'open', 0, '{now}', '{now}')",
    "INSERT INTO message (id, conversation_id, author, text, buttons, state, created_at)"
    " SELECT 'b' || n, 'busy', 'customer', 'Где мой заказ?', '[]', 'received', {at} FROM {n}",
)


async def fill(db: Database, customers: int, events: int) -> None:
    """Add customers up to a number, with so many timeline rows each; the first time the busy one, too."""
    async with db.read() as session:
        there = await session.scalar(text("SELECT max(id) FROM customer")) or 0
    statements = [_PEOPLE, *_CONTACTS]
    kinds = list(_EVENTS)
    for number in range(events):
        statements.append(_EVENTS[kinds[number % len(kinds)]].replace("{round}", str(number)))
    for statement in statements:
        await _run(db, statement, there + 1, customers)
    if there == 0:
        for statement in _BUSY:
            await _run(db, statement, 1, BUSY_EVENTS)
    await _settle(db)


async def _run(db: Database, statement: str, first: int, last: int) -> None:
    if db.is_sqlite:
        series = (
            f"(WITH RECURSIVE s(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM s WHERE n < {last})"
            " SELECT n FROM s)"
        )
        at, no = f"strftime('%Y-%m-%d %H:%M:%f000', '{_NOW}', '-' || (n % 500000) || ' minutes')", "0"
    else:
        series = f"generate_series({first}, {last}) AS n"
        at, no = f"timestamptz '{_NOW}+00' - (n % 500000) * interval '1 minute'", "false"
    sql = statement.replace("{n}", series).replace("{at}", at).replace("{false}", no).replace("{now}", _NOW)
    async with db.write() as session:
        await _execute(session, sql if db.is_sqlite else sql.replace("%", "%%"))


async def _execute(session: AsyncSession, sql: str) -> None:
    connection = await session.connection()
    await connection.exec_driver_sql(sql)


async def _settle(db: Database) -> None:
    """Let the database count its rows, and let ids go on behind those that were given."""
    async with db.write() as session:
        await _execute(session, "ANALYZE")
        if not db.is_sqlite:
            for table in ("customer", "identity"):
                await _execute(
                    session,
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))",
                )
