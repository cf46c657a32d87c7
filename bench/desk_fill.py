"""A desk's database as large as a company's after some years: SQLite makes the rows itself."""

import sqlite3
from pathlib import Path

from rich.console import Console
from rich.progress import track

console = Console()
CHUNK = 50_000  # dialogues
LINES = 3  # messages of a dialogue
WORDS = (
    *("заказ", "посылка", "курьер", "доставка", "возврат", "деньги", "чайник", "лампа", "адрес", "оплата"),
    *("карта", "скидка", "коробка", "кресло", "вчера", "завтра", "сегодня", "срочно", "помогите", "спасибо"),
    *("подскажите", "сломался", "пришёл", "потерялся", "номер", "магазин"),
)
NAMES = ("Мария", "Ольга", "Пётр", "Анна", "Иван", "Елена", "Сергей")
YEARS = 3  # over which the closed dialogues are spread; the open ones began in the last week

# What turns a dialogue's number into its moment, its person and its place on the desk.
_NUMBERS = (
    "WITH RECURSIVE numbers(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :last) "
)
_AT = (
    "strftime('%Y-%m-%d %H:%M:%S.000000', 'now', CASE WHEN n < :closed "
    "THEN -(7 * 86400 + (:closed - n) * :years * 31536000.0 / :closed) || ' seconds' "
    "ELSE -((:closed + :open - n) * 7 * 86400.0 / :open) || ' seconds' END)"
)
# Of ten open ones two wait, one is being answered, four are the customer's, one sleeps, two are the bot's.
_PLACE = (
    "CASE WHEN n < :closed THEN 'done' WHEN n % 10 < 2 THEN 'waiting' WHEN n % 10 < 3 THEN 'answer' "
    "WHEN n % 10 < 7 THEN 'customer' WHEN n % 10 < 8 THEN 'snoozed' ELSE 'done' END"
)
_CHAT = "printf('chat%08d', n)"
_OWNED = "n >= :closed AND n % 10 BETWEEN 2 AND 7"
_SAID = " || ' ' || ".join(
    f"(SELECT word FROM bench_word WHERE id = ((n * {LINES} + seq) * {step}) % {len(WORDS)})"
    for step in (1, 3, 7, 11, 17)
)
_TABLES = (
    # five dialogues a customer, in one account of a messenger
    "INSERT INTO customer "
    "(id, given_name, family_name, language, time_zone, vip, do_not_disturb, created_at) "
    f"SELECT n / 5 + 1, (SELECT name FROM bench_name WHERE id = n / 5 % {len(NAMES)}), 'Петрова' || n / 5, "
    f"CASE n / 5 % 9 WHEN 0 THEN 'en' ELSE 'ru' END, 'Europe/Moscow', n / 5 % 50 = 0, 0, {_AT} "
    "FROM numbers WHERE n % 5 = 0",
    "INSERT INTO identity (id, channel, account, external_id, customer_id, method, verified_at, created_at) "
    f"SELECT n / 5 + 1, 'telegram', 'main', n / 5, n / 5 + 1, 'code', {_AT}, {_AT} "
    "FROM numbers WHERE n % 5 = 0",
    "INSERT INTO conversation (id, identity_id, channel, account, language, owner, epoch, agent_id, status, "
    "last_seq, urgent, created_at, updated_at) "
    f"SELECT {_CHAT}, n / 5 + 1, 'telegram', 'main', CASE n / 5 % 9 WHEN 0 THEN 'en' ELSE 'ru' END, "
    f"CASE WHEN {_OWNED} THEN 'agent' WHEN n >= :closed AND n % 10 < 2 THEN 'queue' ELSE 'bot' END, 1, "
    f"CASE WHEN {_OWNED} THEN 1 + n / 10 % :agents END, "
    f"CASE WHEN n < :closed THEN 'resolved' WHEN n % 10 < 2 THEN 'waiting' ELSE 'open' END, {LINES}, 0, "
    f"{_AT}, {_AT} FROM numbers",
    "INSERT INTO message "
    "(id, conversation_id, seq, identity_id, author, text, buttons, state, created_at, sent_at) "
    f"SELECT printf('s%09d', n * {LINES} + seq), {_CHAT}, seq, n / 5 + 1, "
    f"CASE seq WHEN 2 THEN 'agent' ELSE 'customer' END, {_SAID} || ' ' || (n * {LINES} + seq), '[]', "
    f"CASE seq WHEN 2 THEN 'sent' ELSE 'received' END, {_AT}, {_AT} "
    f"FROM numbers, (SELECT value AS seq FROM json_each('[1, 2, 3]'))",
    # people had every third of the closed ones
    "INSERT INTO handoff (conversation_id, place, agent_id, last_agent_id, team, topic, vip, urgent, missed, "
    "queued_at, asked_at, due_at, first_answer_at, resolve_by, warned_at, escalated_at, snoozed_until, "
    "closed_at, rank_at, updated_at) "
    f"SELECT {_CHAT}, {_PLACE}, CASE WHEN {_OWNED} THEN 1 + n / 10 % :agents END, 1 + n / 10 % :agents, "
    "CASE n % 3 WHEN 0 THEN 'money' END, 'track_order', n / 5 % 50 = 0, n % 1000 = 0, 0, at, "
    "CASE WHEN n >= :closed AND n % 10 < 3 THEN at END, CASE WHEN n >= :closed AND n % 10 < 3 THEN at END, "
    "CASE WHEN n < :closed OR n % 10 > 2 THEN at END, later, at, at, "
    "CASE WHEN n >= :closed AND n % 10 = 7 THEN later END, CASE WHEN n < :closed THEN at END, at, at "
    f"FROM (SELECT n, {_AT} AS at, strftime('%Y-%m-%d %H:%M:%S.000000', 'now', '+8 days') AS later "
    "FROM numbers WHERE n >= :closed OR n % 3 = 0)",
)  # fmt: skip


def fill(path: Path, closed: int, still_open: int, agents: int) -> None:
    """Load the dialogues; the search over what was said is made at the end, in one go."""
    db = sqlite3.connect(path)
    db.executescript("PRAGMA synchronous=OFF; PRAGMA cache_size=-1000000; DROP TRIGGER message_search_in;")
    db.executescript("CREATE TEMP TABLE bench_word (id INTEGER PRIMARY KEY, word TEXT);")
    db.executescript("CREATE TEMP TABLE bench_name (id INTEGER PRIMARY KEY, name TEXT);")
    db.executemany("INSERT INTO bench_word VALUES (?, ?)", enumerate(WORDS))
    db.executemany("INSERT INTO bench_name VALUES (?, ?)", enumerate(NAMES))
    sizes = {"closed": closed, "open": still_open, "agents": agents, "years": YEARS}
    total = closed + still_open
    for first in track(range(0, total, CHUNK), description="filling", console=console):
        chunk = sizes | {"first": first, "last": min(first + CHUNK, total)}
        for table in _TABLES:
            into, _, values = table.partition("SELECT ")
            db.execute(f"{into}{_NUMBERS}SELECT {values}", chunk)
        db.commit()
    with console.status("indexing what was said"):
        db.execute("INSERT INTO message_search(message_search) VALUES ('rebuild')")
        db.execute(
            "CREATE TRIGGER message_search_in AFTER INSERT ON message BEGIN "
            "INSERT INTO message_search(rowid, text) VALUES (new.rowid, new.text); END"
        )
        db.execute("ANALYZE")
        db.commit()
    db.close()
