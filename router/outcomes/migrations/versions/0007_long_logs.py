"""Indexes for logs of a million requests: sums without the rows, one key's requests, the audit."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_SUMMED = (
    *("at", "status", "tier", "escalated", "explored", "kind", "private_kinds"),
    *("cost_usd", "cloud_usd", "cache_usd", "switch_usd"),
)


def upgrade() -> None:
    """Make them; the first one takes the place of that on `at` alone."""
    op.create_index("decisions_sums", "decisions", list(_SUMMED))
    op.drop_index("decisions_at", "decisions")
    op.create_index("decisions_key", "decisions", ["key", "at"])
    op.create_index(
        "decisions_audited",
        "decisions",
        ["at"],
        sqlite_where=sa.text("audited = 1"),
        postgresql_where=sa.text("audited"),
    )
    op.create_index("shadow_version", "shadow", ["version", "tier"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("shadow_version", "shadow")
    op.create_index("decisions_at", "decisions", ["at"])
    for name in ("decisions_audited", "decisions_key", "decisions_sums"):
        op.drop_index(name, "decisions")
