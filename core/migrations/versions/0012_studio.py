"""studio: inbox, decisions, training runs, promotions

Revision: 0012, after 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def _big() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _choice(*words: str, name: str) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=24)


def upgrade() -> None:
    op.create_table(
        "studio_decision",
        sa.Column("id", _big(), nullable=False),
        sa.Column("verdict", _choice("intent", "out_of_scope", "ignore", name="verdict"), nullable=False),
        sa.Column("intent", sa.String(length=100), nullable=True),
        sa.Column("staff_id", _big(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by", _big(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_studio_decision")),
    )
    op.create_table(
        "studio_sample",
        sa.Column("id", _big(), nullable=False),
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column(
            "reason",
            _choice("corrected", "nothing_fits", "escalated", "rejected", "unsure", "random", name="reason"),
            nullable=False,
        ),
        sa.Column("guess", sa.String(length=100), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("ranking", sa.JSON(), nullable=False),
        sa.Column("suggested", sa.String(length=100), nullable=True),
        sa.Column("suggested_by", _big(), nullable=True),
        sa.Column("group_id", _big(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision_id", _big(), nullable=True),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["message.id"],
            name=op.f("fk_studio_sample_message_id_message"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"],
            ["studio_decision.id"],
            name=op.f("fk_studio_sample_decision_id_studio_decision"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_studio_sample")),
        sa.UniqueConstraint("message_id", name=op.f("uq_studio_sample_message_id")),
    )
    with op.batch_alter_table("studio_sample", schema=None) as batch_op:
        batch_op.create_index("ix_studio_sample_open", ["decision_id", "group_id"], unique=False)
        batch_op.create_index("ix_studio_sample_group", ["group_id"], unique=False)
    op.create_table(
        "studio_run",
        sa.Column("id", _big(), nullable=False),
        sa.Column(
            "state", _choice("running", "done", "failed", "cancelled", name="run_state"), nullable=False
        ),
        sa.Column("stage", sa.String(length=40), nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("staff_id", _big(), nullable=True),
        sa.Column("pid", sa.Integer(), nullable=True),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("origin", sa.JSON(), nullable=False),
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=True),
        sa.Column("live", sa.String(length=100), nullable=True),
        sa.Column("comparison", sa.JSON(none_as_null=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_studio_run")),
    )
    op.create_table(
        "studio_promotion",
        sa.Column("id", _big(), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("before", sa.String(length=100), nullable=True),
        sa.Column("staff_id", _big(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_studio_promotion")),
    )
    op.create_table(
        "studio_mark",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("inbox_id", _big(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_studio_mark")),
    )


def downgrade() -> None:
    for table in ("studio_mark", "studio_promotion", "studio_run", "studio_sample", "studio_decision"):
        op.drop_table(table)
