"""crm: cases and comments both ways

Revision: 0014, after 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KINDS = "'call', 'email', 'sms', 'meeting', 'chat', 'social_post'"


def upgrade() -> None:
    op.create_table(
        "crm_case",
        sa.Column("id", _ID, nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("remote_id", sa.String(length=128), nullable=False),
        sa.Column("ticket_id", _ID, nullable=False),
        sa.Column(
            "state",
            sa.Enum("live", "gone", name="state", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("local", sa.JSON(), nullable=False),
        sa.Column("remote", sa.JSON(), nullable=False),
        sa.Column("pending", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("touched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dirty_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.String(length=200), nullable=True),
        sa.Column("notes_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["ticket.id"], name=op.f("fk_crm_case_ticket_id_ticket"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_case")),
        sa.UniqueConstraint("account", "remote_id", name=op.f("uq_crm_case_account_remote_id")),
        sa.UniqueConstraint("account", "ticket_id", name=op.f("uq_crm_case_account_ticket_id")),
    )
    with op.batch_alter_table("crm_case", schema=None) as batch_op:
        batch_op.create_index("ix_crm_case_dirty", ["account", "dirty_since"], unique=False)
        batch_op.create_index(batch_op.f("ix_crm_case_ticket_id"), ["ticket_id"], unique=False)
    with op.batch_alter_table("crm_conflict", schema=None) as batch_op:
        batch_op.add_column(sa.Column("ticket_id", _ID, nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_crm_conflict_ticket_id_ticket"),
            "ticket",
            ["ticket_id"],
            ["id"],
            ondelete="CASCADE",
        )
        batch_op.create_index(batch_op.f("ix_crm_conflict_ticket_id"), ["ticket_id"], unique=False)
    with op.batch_alter_table("crm_link", schema=None) as batch_op:
        batch_op.add_column(sa.Column("notes_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("interaction", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_interaction_kind"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_interaction_kind"), f"kind IN ({_KINDS}, 'note')")


def downgrade() -> None:
    op.execute("DELETE FROM interaction WHERE kind = 'note'")
    with op.batch_alter_table("interaction", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_interaction_kind"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_interaction_kind"), f"kind IN ({_KINDS})")
    with op.batch_alter_table("crm_link", schema=None) as batch_op:
        batch_op.drop_column("notes_at")
    with op.batch_alter_table("crm_conflict", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_crm_conflict_ticket_id"))
        batch_op.drop_constraint(batch_op.f("fk_crm_conflict_ticket_id_ticket"), type_="foreignkey")
        batch_op.drop_column("ticket_id")
    op.drop_table("crm_case")
