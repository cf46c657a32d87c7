"""returns and watches

Revision: 0005, after 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "watch",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "reason",
            sa.Enum("late_parcel", name="reason", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("conversation_id", sa.String(length=64), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_watch_conversation_id_conversation"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_watch_customer_id_customer"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_watch_order_id_orders"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watch")),
        sa.UniqueConstraint("order_id", "reason", name=op.f("uq_watch_order_id_reason")),
    )
    with op.batch_alter_table("watch", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_watch_conversation_id"), ["conversation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_watch_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index("ix_watch_until", ["until"], unique=False)

    op.create_table(
        "returned_item",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ticket_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_item_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column(
            "wish",
            sa.Enum("refund", "exchange", name="wish", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["order_item_id"],
            ["order_item.id"],
            name=op.f("fk_returned_item_order_item_id_order_item"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["ticket.id"], name=op.f("fk_returned_item_ticket_id_ticket"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_returned_item")),
    )
    with op.batch_alter_table("returned_item", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_returned_item_order_item_id"), ["order_item_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_returned_item_ticket_id"), ["ticket_id"], unique=False)

    op.create_table(
        "ticket_file",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ticket_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["sha256"], ["media.sha256"], name=op.f("fk_ticket_file_sha256_media")),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["ticket.id"], name=op.f("fk_ticket_file_ticket_id_ticket"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_file")),
    )
    with op.batch_alter_table("ticket_file", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ticket_file_sha256"), ["sha256"], unique=False)
        batch_op.create_index(batch_op.f("ix_ticket_file_ticket_id"), ["ticket_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("ticket_file", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ticket_file_ticket_id"))
        batch_op.drop_index(batch_op.f("ix_ticket_file_sha256"))

    op.drop_table("ticket_file")
    with op.batch_alter_table("returned_item", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_returned_item_ticket_id"))
        batch_op.drop_index(batch_op.f("ix_returned_item_order_item_id"))

    op.drop_table("returned_item")
    with op.batch_alter_table("watch", schema=None) as batch_op:
        batch_op.drop_index("ix_watch_until")
        batch_op.drop_index(batch_op.f("ix_watch_customer_id"))
        batch_op.drop_index(batch_op.f("ix_watch_conversation_id"))

    op.drop_table("watch")
