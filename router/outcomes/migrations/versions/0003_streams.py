"""What was held of a stream until its beginning was judged."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("decisions", sa.Column("held_chars", sa.Integer))
    op.add_column("decisions", sa.Column("held_s", sa.Float))
    op.add_column("decisions", sa.Column("held_until", sa.String(8)))


def downgrade() -> None:
    """Drop them."""
    for column in ("held_until", "held_s", "held_chars"):
        op.drop_column("decisions", column)
