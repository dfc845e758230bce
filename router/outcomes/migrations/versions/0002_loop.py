"""Second opinions, probes, the shadow of a challenger, events."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of the loop."""
    op.add_column("feedback", sa.Column("tier", sa.String(8)))
    op.create_table(
        "opinions",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column(
            "decision_id", sa.String(36), sa.ForeignKey("decisions.id"), nullable=False, index=True
        ),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("local_model", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("answer", sa.Text),
        sa.Column("p_local", sa.Float, nullable=False),
        sa.Column("p_cloud", sa.Float, nullable=False),
        sa.Column("agreement", sa.Text, nullable=False),
        sa.Column("weight", sa.Float, nullable=False),
        sa.Column("router_version", sa.Text, nullable=False),
    )
    op.create_table(
        "probes",
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("probe_id", sa.String(64), primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("passed", sa.Boolean, nullable=False),
        sa.Column("latency_s", sa.Float, nullable=False),
    )
    op.create_table(
        "shadow",
        sa.Column("decision_id", sa.String(36), primary_key=True),
        sa.Column("version", sa.Text, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("p_local", sa.Float, nullable=False),
        sa.Column("p_cloud", sa.Float, nullable=False),
        sa.Column("threshold", sa.Float, nullable=False),
        sa.Column("tier", sa.String(8), nullable=False),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("version", sa.Text),
        sa.Column("words", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("events", "shadow", "probes", "opinions"):
        op.drop_table(table)
    op.drop_column("feedback", "tier")
