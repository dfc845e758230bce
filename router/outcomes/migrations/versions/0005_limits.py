"""The client's limit on an answer, so that it is asked for again as it was."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("decisions", sa.Column("max_tokens", sa.Integer))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("decisions", "max_tokens")
