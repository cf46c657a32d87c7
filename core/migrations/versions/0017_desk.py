"""desk: a warning before the promise of a resolution is broken

Revision: 0017, after 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("handoff", sa.Column("resolve_warned_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_handoff_resolve", "handoff", ["place", "resolve_warned_at", "resolve_by"])


def downgrade() -> None:
    op.drop_index("ix_handoff_resolve", "handoff")
    op.drop_column("handoff", "resolve_warned_at")
