"""proactive service

Revision: 0011, after 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLES = (
    "proactive_simulation",
    "contact_frequency",
    "proactive_background",
    "proactive_incident",
    "proactive_outcome",
    "proactive_decision",
    "proactive_signal",
    "proactive_rule_change",
    "proactive_rule",
)


def _id() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _choice(name: str, *words: str) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=24)


def _rule_states(name: str) -> sa.Enum:
    return _choice(name, "draft", "simulated", "live", "paused")


def _customer(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["customer_id"],
        ["customer.id"],
        name=op.f(f"fk_{table}_customer_id_customer"),
        ondelete="CASCADE",
    )


def upgrade() -> None:
    _rules()
    _decisions()
    _others()


def _rules() -> None:
    op.create_table(
        "proactive_rule",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("file_digest", sa.String(length=64), nullable=True),
        sa.Column("state", _rule_states("state"), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_proactive_rule")),
    )
    op.create_table(
        "proactive_rule_change",
        sa.Column("id", _id(), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("before", _rule_states("before"), nullable=True),
        sa.Column("after", _rule_states("after"), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("why", sa.String(length=300), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proactive_rule_change")),
    )
    with op.batch_alter_table("proactive_rule_change", schema=None) as batch_op:
        batch_op.create_index("ix_proactive_rule_change_rule", ["rule", "id"], unique=False)


def _decisions() -> None:
    op.create_table(
        "proactive_signal",
        sa.Column("id", _id(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("expected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("customer_id", _id(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("reason", sa.JSON(), nullable=False),
        sa.Column("model", sa.String(length=32), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        _customer("proactive_signal"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proactive_signal")),
        sa.UniqueConstraint(
            "kind", "subject", "expected_at", name=op.f("uq_proactive_signal_kind_subject_expected_at")
        ),
    )
    with op.batch_alter_table("proactive_signal", schema=None) as batch_op:
        batch_op.create_index("ix_proactive_signal_customer", ["customer_id", "id"], unique=False)
    op.create_table(
        "proactive_decision",
        sa.Column("id", _id(), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("signal_id", _id(), nullable=False),
        sa.Column("customer_id", _id(), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("verdict", _choice("verdict", "send", "wait", "suppressed", "holdout"), nullable=False),
        sa.Column("why", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message_id", sa.String(length=64), nullable=True),
        _customer("proactive_decision"),
        sa.ForeignKeyConstraint(
            ["signal_id"],
            ["proactive_signal.id"],
            name=op.f("fk_proactive_decision_signal_id_proactive_signal"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["message.id"],
            name=op.f("fk_proactive_decision_message_id_message"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proactive_decision")),
        sa.UniqueConstraint("rule", "signal_id", name=op.f("uq_proactive_decision_rule_signal_id")),
    )
    unsent, waiting = sa.text("verdict = 'send' AND sent_at IS NULL"), sa.text("verdict = 'wait'")
    with op.batch_alter_table("proactive_decision", schema=None) as batch_op:
        batch_op.create_index("ix_proactive_decision_customer", ["customer_id", "sent_at"], unique=False)
        batch_op.create_index("ix_proactive_decision_rule", ["rule", "verdict", "decided_at"], unique=False)
        batch_op.create_index("ix_proactive_decision_signal", ["signal_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_proactive_decision_message_id"), ["message_id"], unique=False)
        batch_op.create_index(
            "ix_proactive_decision_due", ["until"], unique=False, sqlite_where=unsent, postgresql_where=unsent
        )
        batch_op.create_index(
            "ix_proactive_decision_waiting",
            ["customer_id", "until"],
            unique=False,
            sqlite_where=waiting,
            postgresql_where=waiting,
        )


def _others() -> None:
    op.create_table(
        "proactive_outcome",
        sa.Column("decision_id", _id(), autoincrement=False, nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("treated", sa.Boolean(), nullable=False),
        sa.Column("happened", sa.Boolean(), nullable=True),
        sa.Column("contacted", sa.Boolean(), nullable=False),
        sa.Column("complained", sa.Boolean(), nullable=False),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("bought", sa.Boolean(), nullable=False),
        sa.Column("opted_out", sa.Boolean(), nullable=False),
        sa.Column("rating", sa.Double(), nullable=True),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["decision_id"],
            ["proactive_decision.id"],
            name=op.f("fk_proactive_outcome_decision_id_proactive_decision"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_proactive_outcome")),
    )
    with op.batch_alter_table("proactive_outcome", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_proactive_outcome_rule"), ["rule"], unique=False)
    op.create_table(
        "proactive_incident",
        sa.Column("id", _id(), nullable=False),
        sa.Column("external_ref", sa.String(length=128), nullable=True),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("match", sa.String(length=200), nullable=False),
        sa.Column("said", sa.JSON(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proactive_incident")),
        sa.UniqueConstraint("external_ref", name=op.f("uq_proactive_incident_external_ref")),
    )
    op.create_table(
        "proactive_background",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_proactive_background")),
    )
    op.create_table(
        "contact_frequency",
        sa.Column("customer_id", _id(), autoincrement=False, nullable=False),
        sa.Column("per_week", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        _customer("contact_frequency"),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_contact_frequency")),
    )
    op.create_table(
        "proactive_simulation",
        sa.Column("id", _id(), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proactive_simulation")),
    )


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
