"""studio: trials of models on live traffic

Revision: 0015, after 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def _big() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _choice(*words: str, name: str) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=24)


def upgrade() -> None:
    op.create_table(
        "studio_trial",
        sa.Column("id", _big(), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("base", sa.String(length=100), nullable=False),
        sa.Column("stage", _choice("shadow", "canary", "full", name="trial_stage"), nullable=False),
        sa.Column("share", sa.Integer(), nullable=False),
        sa.Column("staff_id", _big(), nullable=True),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "outcome",
            _choice("next", "kept", "returned", "stopped", "replaced", name="trial_outcome"),
            nullable=True,
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("breach", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("inbox_id", _big(), nullable=False),
        sa.Column("scored", sa.Integer(), nullable=False),
        sa.Column("agreed", sa.Integer(), nullable=False),
        sa.Column("rejected_live", sa.Integer(), nullable=False),
        sa.Column("rejected_new", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_studio_trial")),
    )
    op.create_table(
        "studio_difference",
        sa.Column("id", _big(), nullable=False),
        sa.Column("trial_id", _big(), nullable=False),
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("live", sa.String(length=100), nullable=False),
        sa.Column("new", sa.String(length=100), nullable=False),
        sa.Column("live_confidence", sa.Double(), nullable=False),
        sa.Column("new_confidence", sa.Double(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["trial_id"],
            ["studio_trial.id"],
            name=op.f("fk_studio_difference_trial_id_studio_trial"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["message.id"],
            name=op.f("fk_studio_difference_message_id_message"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_studio_difference")),
    )
    with op.batch_alter_table("studio_difference", schema=None) as batch_op:
        batch_op.create_index("ix_studio_difference_trial", ["trial_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_studio_difference_message_id"), ["message_id"], unique=False)
    op.create_table(
        "studio_tally",
        sa.Column("id", _big(), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("turns", sa.Integer(), nullable=False),
        sa.Column("texts", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("escalated", sa.Integer(), nullable=False),
        sa.Column("errors", sa.Integer(), nullable=False),
        sa.Column("times", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_studio_tally")),
        sa.UniqueConstraint("model", "at", name=op.f("uq_studio_tally_model_at")),
    )


def downgrade() -> None:
    for table in ("studio_tally", "studio_difference", "studio_trial"):
        op.drop_table(table)
