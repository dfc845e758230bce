"""Kinds of calls, and what the cloud's prompt cache held, saved and cost."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("decisions", sa.Column("kind", sa.String(16)))
    op.add_column("decisions", sa.Column("cache_read", sa.Integer))
    op.add_column("decisions", sa.Column("cache_write", sa.Integer))
    op.add_column("decisions", sa.Column("cache_usd", sa.Float))
    op.add_column("decisions", sa.Column("switch_usd", sa.Float))


def downgrade() -> None:
    """Drop them."""
    for column in ("switch_usd", "cache_usd", "cache_write", "cache_read", "kind"):
        op.drop_column("decisions", column)
