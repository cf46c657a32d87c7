"""messengers

Revision: 0006, after 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "channel_mark",
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("mark", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_channel_mark")),
    )
    op.create_table(
        "start_key",
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customer.id"],
            name=op.f("fk_start_key_customer_id_customer"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_start_key")),
    )
    with op.batch_alter_table("start_key", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_start_key_customer_id"), ["customer_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("start_key", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_start_key_customer_id"))
    op.drop_table("start_key")
    op.drop_table("channel_mark")
