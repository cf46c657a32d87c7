"""what changed since customers were looked at

Revision: 0016, after 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

UNREACHED = sa.text("why IN ('no_address', 'window_closed')")


def _id() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "proactive_touch",
        sa.Column("id", _id(), nullable=False),
        sa.Column("customer_id", _id(), nullable=True),
        sa.Column("order_id", _id(), nullable=True),
        sa.Column("shipment_id", _id(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proactive_touch")),
    )
    op.create_table(
        "proactive_mark",
        sa.Column("after", _id(), autoincrement=False, nullable=False),
        sa.Column("until", _id(), nullable=False),
        sa.Column("world", sa.String(length=64), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("after", name=op.f("pk_proactive_mark")),
    )
    with op.batch_alter_table("proactive_signal", schema=None) as batch_op:
        batch_op.create_index("ix_proactive_signal_found", ["found_at"], unique=False)
    with op.batch_alter_table("proactive_decision", schema=None) as batch_op:
        batch_op.create_index(
            "ix_proactive_decision_unreached",
            ["customer_id"],
            unique=False,
            sqlite_where=UNREACHED,
            postgresql_where=UNREACHED,
        )


def downgrade() -> None:
    with op.batch_alter_table("proactive_decision", schema=None) as batch_op:
        batch_op.drop_index("ix_proactive_decision_unreached")
    with op.batch_alter_table("proactive_signal", schema=None) as batch_op:
        batch_op.drop_index("ix_proactive_signal_found")
    op.drop_table("proactive_mark")
    _drop_triggers()
    op.drop_table("proactive_touch")


def _drop_triggers() -> None:
    """The product makes them when it runs; without the table they would make every write fail."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.execute("DROP FUNCTION IF EXISTS proactive_touch() CASCADE")
        return
    query = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'proactive_touch_%'"
    for name in connection.execute(sa.text(query)).scalars().all():
        op.execute(f"DROP TRIGGER {name}")
