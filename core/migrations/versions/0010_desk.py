"""desk: teams, routing, notes, answering in time

Revision: 0010, after 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)

# Full-text search: in SQLite an index beside the table, kept by triggers; in PostgreSQL an index on an
# expression. The search is told apart by these names in `env.py`: no model describes it.
SQLITE_SEARCH = (
    "CREATE VIRTUAL TABLE message_search USING fts5(text, content='message', content_rowid='rowid')",
    "CREATE TRIGGER message_search_in AFTER INSERT ON message BEGIN "
    "INSERT INTO message_search(rowid, text) VALUES (new.rowid, new.text); END",
    "CREATE TRIGGER message_search_out AFTER DELETE ON message BEGIN "
    "INSERT INTO message_search(message_search, rowid, text) VALUES ('delete', old.rowid, old.text); END",
    "CREATE TRIGGER message_search_over AFTER UPDATE OF text ON message BEGIN "
    "INSERT INTO message_search(message_search, rowid, text) VALUES ('delete', old.rowid, old.text); "
    "INSERT INTO message_search(rowid, text) VALUES (new.rowid, new.text); END",
    "INSERT INTO message_search(message_search) VALUES ('rebuild')",
    "CREATE VIRTUAL TABLE customer_search USING fts5("
    "given_name, family_name, content='customer', content_rowid='id')",
    "CREATE TRIGGER customer_search_in AFTER INSERT ON customer BEGIN INSERT INTO "
    "customer_search(rowid, given_name, family_name) VALUES (new.id, new.given_name, new.family_name); END",
    "CREATE TRIGGER customer_search_out AFTER DELETE ON customer BEGIN INSERT INTO "
    "customer_search(customer_search, rowid, given_name, family_name) "
    "VALUES ('delete', old.id, old.given_name, old.family_name); END",
    "CREATE TRIGGER customer_search_over AFTER UPDATE OF given_name, family_name ON customer BEGIN "
    "INSERT INTO customer_search(customer_search, rowid, given_name, family_name) "
    "VALUES ('delete', old.id, old.given_name, old.family_name); INSERT INTO "
    "customer_search(rowid, given_name, family_name) VALUES (new.id, new.given_name, new.family_name); END",
    "INSERT INTO customer_search(customer_search) VALUES ('rebuild')",
)
POSTGRES_SEARCH = (
    "CREATE INDEX message_search ON message USING gin (to_tsvector('russian', text))",
    "CREATE INDEX message_search_at ON message (created_at, id)",
    "CREATE INDEX customer_search ON customer USING gin "
    "(to_tsvector('simple', given_name || ' ' || family_name))",
)


def upgrade() -> None:
    op.create_table(
        "handoff",
        sa.Column("conversation_id", sa.String(64), nullable=False),
        sa.Column(
            "place",
            sa.Enum(
                "waiting",
                "answer",
                "customer",
                "snoozed",
                "done",
                name="place",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("agent_id", BIG),
        sa.Column("last_agent_id", BIG),
        sa.Column("offered_to", BIG),
        sa.Column("offered_at", TIME),
        sa.Column("team", sa.String(40)),
        sa.Column("topic", sa.String(100)),
        sa.Column("vip", sa.Boolean(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("missed", sa.Boolean(), nullable=False),
        sa.Column("sentiment", sa.Double()),
        sa.Column("queued_at", TIME, nullable=False),
        sa.Column("asked_at", TIME),
        sa.Column("due_at", TIME),
        sa.Column("first_answer_at", TIME),
        sa.Column("resolve_by", TIME, nullable=False),
        sa.Column("warned_at", TIME),
        sa.Column("escalated_at", TIME),
        sa.Column("snoozed_until", TIME),
        sa.Column("closed_at", TIME),
        sa.Column("rank_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_handoff_conversation_id_conversation"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("conversation_id", name=op.f("pk_handoff")),
    )
    op.create_index("ix_handoff_place", "handoff", ["place", "rank_at", "conversation_id"])
    op.create_index("ix_handoff_agent", "handoff", ["agent_id", "place", "rank_at"])
    op.create_index("ix_handoff_offered", "handoff", ["offered_to", "place"])
    op.create_index("ix_handoff_updated", "handoff", ["updated_at"])
    op.create_index("ix_handoff_queued", "handoff", ["queued_at"])

    op.create_table(
        "promise",
        sa.Column("id", BIG, nullable=False),
        sa.Column("conversation_id", sa.String(64), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "first_answer",
                "next_answer",
                "resolution",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("agent_id", BIG),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("kept_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_promise_conversation_id_conversation"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promise")),
    )
    op.create_index("ix_promise_kept_at", "promise", ["kept_at", "kind"])
    op.create_index("ix_promise_conversation_id", "promise", ["conversation_id"])

    op.create_table(
        "desk_agent",
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("away", sa.Boolean(), nullable=False),
        sa.Column("seen_at", TIME),
        sa.Column("offered_at", TIME),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("teams", sa.JSON(), nullable=False),
        sa.Column("languages", sa.JSON(), nullable=False),
        sa.Column("channels", sa.JSON(), nullable=False),
        _of_account("desk_agent"),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_desk_agent")),
    )

    op.create_table(
        "desk_note",
        sa.Column("id", BIG, nullable=False),
        sa.Column("conversation_id", sa.String(64), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_desk_note_conversation_id_conversation"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["staff_account.id"], name=op.f("fk_desk_note_account_id_staff_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_desk_note")),
    )
    op.create_index("ix_desk_note_conversation", "desk_note", ["conversation_id", "at"])
    op.create_table(
        "desk_mention",
        sa.Column("note_id", BIG, nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("seen_at", TIME),
        sa.ForeignKeyConstraint(
            ["note_id"], ["desk_note.id"], name=op.f("fk_desk_mention_note_id_desk_note"), ondelete="CASCADE"
        ),
        _of_account("desk_mention"),
        sa.PrimaryKeyConstraint("note_id", "account_id", name=op.f("pk_desk_mention")),
    )
    op.create_index("ix_desk_mention_account", "desk_mention", ["account_id", "seen_at"])

    op.create_table(
        "desk_filter",
        sa.Column("id", BIG, nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("query", sa.String(300), nullable=False),
        _of_account("desk_filter"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_desk_filter")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_desk_filter_account_id_name")),
    )
    op.create_table(
        "canned_answer",
        sa.Column("id", BIG, nullable=False),
        sa.Column("shortcut", sa.String(40), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("title", sa.String(100), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.Column("changed_by", BIG),
        sa.Column("changed_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canned_answer")),
        sa.UniqueConstraint("shortcut", "language", name=op.f("uq_canned_answer_shortcut_language")),
    )
    op.create_table(
        "quality_review",
        sa.Column("id", BIG, nullable=False),
        sa.Column("conversation_id", sa.String(64), nullable=False),
        sa.Column("reviewer_id", BIG, nullable=False),
        sa.Column("agent_id", BIG),
        sa.Column("scores", sa.JSON(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_quality_review_conversation_id_conversation"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["reviewer_id"],
            ["staff_account.id"],
            name=op.f("fk_quality_review_reviewer_id_staff_account"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quality_review")),
    )
    op.create_index("ix_quality_review_conversation_id", "quality_review", ["conversation_id"])
    op.create_index("ix_quality_review_agent", "quality_review", ["agent_id", "at"])
    with op.batch_alter_table("staff_account") as batch:
        batch.add_column(sa.Column("oidc_subject", sa.String(255)))
        batch.create_unique_constraint(op.f("uq_staff_account_oidc_subject"), ["oidc_subject"])

    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE_SEARCH if sqlite else POSTGRES_SEARCH:
        op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in ("message_search", "customer_search"):
            for trigger in ("in", "out", "over"):
                op.execute(f"DROP TRIGGER {table}_{trigger}")
            op.execute(f"DROP TABLE {table}")
    else:
        for index in ("message_search", "message_search_at", "customer_search"):
            op.execute(f"DROP INDEX {index}")
    with op.batch_alter_table("staff_account") as batch:
        batch.drop_constraint(op.f("uq_staff_account_oidc_subject"), type_="unique")
        batch.drop_column("oidc_subject")
    for table in (
        "quality_review",
        "canned_answer",
        "desk_filter",
        "desk_mention",
        "desk_note",
        "desk_agent",
        "promise",
        "handoff",
    ):
        op.drop_table(table)


def _of_account(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["account_id"],
        ["staff_account.id"],
        name=op.f(f"fk_{table}_account_id_staff_account"),
        ondelete="CASCADE",
    )
