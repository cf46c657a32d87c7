"""delivery

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


# Workers in other processes hear of new work at once; the same kind is told once a transaction.
_BELL = [
    """
    CREATE FUNCTION zabota_job_added() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_notify('zabota', 'job ' || NEW.kind);
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER zabota_job_added AFTER INSERT ON job
    FOR EACH ROW EXECUTE FUNCTION zabota_job_added()
    """,
]
_STATES = "'received', 'pending', 'sent', 'read', 'dropped', 'failed'"
_MORE_STATES = "'received', 'pending', 'sent', 'delivered', 'read', 'uncertain', 'dropped', 'failed'"


def upgrade() -> None:
    op.create_table(
        "media",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_media")),
    )
    op.create_table(
        "pace",
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("free_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_pace")),
    )
    op.create_table(
        "attachment",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_attachment_message_id_message"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["sha256"], ["media.sha256"], name=op.f("fk_attachment_sha256_media")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachment")),
    )
    with op.batch_alter_table("attachment", schema=None) as batch_op:
        batch_op.create_index("ix_attachment_message", ["message_id"], unique=False)
        batch_op.create_index("ix_attachment_sha256", ["sha256"], unique=False)

    op.create_table(
        "sending",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("outbox_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("ref", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["outbox_id"], ["outbox.id"], name=op.f("fk_sending_outbox_id_outbox"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sending")),
    )
    with op.batch_alter_table("sending", schema=None) as batch_op:
        batch_op.create_index("ix_sending_ref", ["channel", "account", "ref"], unique=False)
        batch_op.create_index("ix_sending_outbox", ["outbox_id"], unique=False)

    with op.batch_alter_table("identity", schema=None) as batch_op:
        batch_op.add_column(sa.Column("dead_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("dead_why", sa.String(length=24), nullable=True))
        batch_op.add_column(sa.Column("free_at", sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.alter_column(
            "kind", existing_type=sa.VARCHAR(length=40), type_=sa.String(length=100), existing_nullable=False
        )
        batch_op.drop_index(batch_op.f("ix_job_partition_key"))
        batch_op.drop_index(batch_op.f("ix_job_state_due_at"))
        batch_op.create_index("ix_job_due", ["kind", "state", "due_at"], unique=False)
        batch_op.create_index("ix_job_next", ["kind", "state", "priority", "id"], unique=False)
        batch_op.create_index("ix_job_partition", ["partition_key", "state", "priority", "id"], unique=False)
        batch_op.create_index(
            "uq_job_partition_leased",
            ["partition_key"],
            unique=True,
            sqlite_where=sa.text("state = 'leased'"),
            postgresql_where=sa.text("state = 'leased'"),
        )

    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("identity_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_message_identity_id_identity"),
            "identity",
            ["identity_id"],
            ["id"],
            ondelete="SET NULL",
        )
        batch_op.create_index("ix_message_identity", ["identity_id", "created_at"], unique=False)
        batch_op.drop_constraint(batch_op.f("ck_message_state"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_message_state"), f"state IN ({_MORE_STATES})")
    op.execute(
        "UPDATE message SET identity_id ="
        " (SELECT c.identity_id FROM conversation c WHERE c.id = conversation_id)"
    )

    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.add_column(sa.Column("channel", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("account", sa.String(length=64), nullable=True))
        batch_op.add_column(
            sa.Column("identity_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(
            sa.Column("purpose", sa.String(length=16), nullable=False, server_default="reply")
        )
        batch_op.add_column(sa.Column("priority", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("part", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("repeats", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("tried", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("failure", sa.String(length=24), nullable=True))
        batch_op.add_column(sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE outbox SET (channel, account, identity_id) ="
        " (SELECT c.channel, c.account, c.identity_id FROM conversation c WHERE c.id = conversation_id)"
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_foreign_key(
            batch_op.f("fk_outbox_identity_id_identity"),
            "identity",
            ["identity_id"],
            ["id"],
            ondelete="CASCADE",
        )

        batch_op.create_index("ix_outbox_identity", ["identity_id", "state"], unique=False)
        batch_op.alter_column("channel", nullable=False)
        batch_op.alter_column("account", nullable=False)
        batch_op.alter_column("identity_id", nullable=False)
    op.execute("UPDATE job SET state = 'later' WHERE state = 'ready' AND due_at > CURRENT_TIMESTAMP")
    if op.get_bind().dialect.name == "postgresql":
        for statement in _BELL:
            op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER zabota_job_added ON job")
        op.execute("DROP FUNCTION zabota_job_added")
    op.execute("UPDATE job SET state = 'ready' WHERE state IN ('later', 'held')")
    op.execute("UPDATE message SET state = 'sent' WHERE state IN ('delivered', 'uncertain')")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("ix_outbox_identity")
        batch_op.drop_constraint(batch_op.f("fk_outbox_identity_id_identity"), type_="foreignkey")
        batch_op.drop_column("expires_at")
        batch_op.drop_column("failure")
        batch_op.drop_column("tried")
        batch_op.drop_column("repeats")
        batch_op.drop_column("part")
        batch_op.drop_column("priority")
        batch_op.drop_column("purpose")
        batch_op.drop_column("identity_id")
        batch_op.drop_column("account")
        batch_op.drop_column("channel")

    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_index("ix_message_identity")
        batch_op.drop_constraint(batch_op.f("ck_message_state"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_message_state"), f"state IN ({_STATES})")
        batch_op.drop_constraint(batch_op.f("fk_message_identity_id_identity"), type_="foreignkey")
        batch_op.drop_column("identity_id")

    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_job_partition_leased",
            sqlite_where=sa.text("state = 'leased'"),
            postgresql_where=sa.text("state = 'leased'"),
        )
        batch_op.drop_index("ix_job_partition")
        batch_op.drop_index("ix_job_next")
        batch_op.drop_index("ix_job_due")
        batch_op.create_index(batch_op.f("ix_job_state_due_at"), ["state", "due_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_job_partition_key"), ["partition_key", "priority", "id"], unique=False
        )
        batch_op.alter_column(
            "kind", existing_type=sa.String(length=100), type_=sa.VARCHAR(length=40), existing_nullable=False
        )

    with op.batch_alter_table("identity", schema=None) as batch_op:
        batch_op.drop_column("free_at")
        batch_op.drop_column("dead_why")
        batch_op.drop_column("dead_at")

    with op.batch_alter_table("sending", schema=None) as batch_op:
        batch_op.drop_index("ix_sending_ref")
        batch_op.drop_index("ix_sending_outbox")

    op.drop_table("sending")
    with op.batch_alter_table("attachment", schema=None) as batch_op:
        batch_op.drop_index("ix_attachment_sha256")
        batch_op.drop_index("ix_attachment_message")

    op.drop_table("attachment")
    op.drop_table("pace")
    op.drop_table("media")
