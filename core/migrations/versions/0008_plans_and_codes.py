"""Promo codes of orders, pauses of subscriptions, codes for new contacts.

Revision: 0008, after 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

PURPOSE = sa.Enum("identity", "contact", name="purpose", native_enum=False, create_constraint=True, length=24)


def upgrade() -> None:
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.add_column(sa.Column("promo_code", sa.String(length=40), nullable=True))

    with op.batch_alter_table("subscription", schema=None) as batch_op:
        batch_op.add_column(sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table("verification_code", schema=None) as batch_op:
        batch_op.add_column(sa.Column("purpose", PURPOSE, server_default="identity", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("verification_code", schema=None) as batch_op:
        batch_op.drop_column("purpose")

    with op.batch_alter_table("subscription", schema=None) as batch_op:
        batch_op.drop_column("paused_at")

    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_column("promo_code")
