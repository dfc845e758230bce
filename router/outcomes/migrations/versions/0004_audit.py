"""Which requests were drawn to be labelled come what may, and with which probability."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both columns; what was logged before was not drawn."""
    op.add_column("decisions", sa.Column("audited", sa.Boolean))
    op.add_column("decisions", sa.Column("audit", sa.Float))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("decisions", "audit")
    op.drop_column("decisions", "audited")
