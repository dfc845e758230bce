"""Decisions, feedback, reservations."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "decisions",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("api", sa.String(16), nullable=False),
        sa.Column("key", sa.String(64)),
        sa.Column("stream", sa.Boolean, nullable=False),
        sa.Column("rule", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("trail", sa.Text),
        sa.Column("tier", sa.String(8)),
        sa.Column("model", sa.Text),
        sa.Column("model_digest", sa.Text),
        sa.Column("local_model", sa.Text),
        sa.Column("router_version", sa.Text),
        sa.Column("policy_version", sa.String(16)),
        sa.Column("p_local", sa.Float),
        sa.Column("p_cloud", sa.Float),
        sa.Column("gain", sa.Float),
        sa.Column("threshold", sa.Float),
        sa.Column("propensity", sa.Float),
        sa.Column("explored", sa.Boolean, nullable=False),
        sa.Column("private_kinds", sa.Text),
        sa.Column("cascade", sa.String(16)),
        sa.Column("checks", sa.Text),
        sa.Column("p_local_after", sa.Float),
        sa.Column("p_cloud_after", sa.Float),
        sa.Column("second_model", sa.Text),
        sa.Column("escalated", sa.Boolean, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("finish", sa.String(16)),
        sa.Column("input_tokens", sa.Integer),
        sa.Column("output_tokens", sa.Integer),
        sa.Column("cost_usd", sa.Float),
        sa.Column("cloud_usd", sa.Float),
        sa.Column("latency_s", sa.Float),
        sa.Column("first_token_s", sa.Float),
        sa.Column("request", sa.Text),
        sa.Column("answer", sa.Text),
        sa.Column("second_answer", sa.Text),
        sa.Column("local_answer", sa.Text),
        sa.Column("features", sa.LargeBinary),
    )
    op.create_index("decisions_at", "decisions", ["at"])
    op.create_table(
        "feedback",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column(
            "decision_id", sa.String(36), sa.ForeignKey("decisions.id"), nullable=False, index=True
        ),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("key", sa.String(64)),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
    )
    op.create_table(
        "reservations",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("key", sa.String(64)),
        sa.Column("day", sa.String(10), nullable=False, index=True),
        sa.Column("month", sa.String(7), nullable=False, index=True),
        sa.Column("usd", sa.Float, nullable=False),
        sa.Column("settled", sa.Boolean, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("reservations", "feedback", "decisions"):
        op.drop_table(table)
