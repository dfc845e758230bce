"""The tables of the outcome log, the same on SQLite and PostgreSQL."""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

metadata = MetaData()

decisions = Table(
    "decisions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("at", Float, nullable=False),  # Unix time in seconds, when the request came
    Column("api", String(16), nullable=False),
    Column("key", String(64)),  # name of the API key, if one was used
    Column("stream", Boolean, nullable=False),
    Column("kind", String(16)),  # request, step of a tool loop, or what the background wants
    # What was decided, and why
    Column("rule", String(32), nullable=False),
    Column("reason", Text, nullable=False),
    Column("trail", Text),  # JSON: every rule with what it said
    Column("tier", String(8)),  # that answered; null if none did
    Column("model", Text),
    Column("model_digest", Text),
    Column("local_model", Text),  # that answered, or would have
    Column("router_version", Text),
    Column("policy_version", String(16)),
    Column("p_local", Float),
    Column("p_cloud", Float),
    Column("gain", Float),
    Column("threshold", Float),
    Column("propensity", Float),  # probability with which the logging policy chose this tier
    Column("explored", Boolean, nullable=False),
    Column("audited", Boolean),  # drawn to be labelled anyhow; null: before there was an audit
    Column("audit", Float),  # probability with which it was drawn for that; null: it could not be
    Column("private_kinds", Text),  # JSON list; null for a request that is not private
    # What looking at the answer showed
    Column("cascade", String(16)),
    Column("checks", Text),  # JSON list of what was wrong with the local answer
    Column("p_local_after", Float),
    Column("p_cloud_after", Float),
    Column("held_chars", Integer),  # of a stream, until its beginning was judged; null: it was not
    Column("held_s", Float),
    Column("held_until", String(8)),  # 120, 240 or 480 characters, end, or time
    Column("second_model", Text),
    Column("escalated", Boolean, nullable=False),
    # What came of it
    Column("status", Integer, nullable=False),
    Column("error", Text),
    Column("finish", String(16)),
    Column("max_tokens", Integer),  # the client's limit on the answer; null: it set none
    Column("input_tokens", Integer),
    Column("output_tokens", Integer),
    Column("cache_read", Integer),  # tokens of the input, read from the cloud's prompt cache
    Column("cache_write", Integer),  # and written to it
    Column("cost_usd", Float),  # of this answer and of those thrown away for it
    Column("cloud_usd", Float),  # what the cloud's answer would cost or did, estimated
    Column("cache_usd", Float),  # what the cache saved on this answer
    Column("switch_usd", Float),  # what it cost because the turn before was another tier's
    Column("latency_s", Float),
    Column("first_token_s", Float),
    # What the router learns from; all null for store = none and for private requests
    Column("request", Text),  # JSON: messages, tools, response_format
    Column("answer", Text),
    Column("second_answer", Text),
    Column("local_answer", Text),  # the one that was not kept
    Column("features", LargeBinary),
    # What is summed of all requests, so that a sum over a long log reads no row of it.
    Index(
        "decisions_sums",
        *("at", "status", "tier", "escalated", "explored", "kind", "private_kinds"),
        *("cost_usd", "cloud_usd", "cache_usd", "switch_usd"),
    ),
    Index("decisions_key", "key", "at"),
    Index(
        "decisions_audited",
        "at",
        sqlite_where=text("audited = 1"),
        postgresql_where=text("audited"),
    ),
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("decision_id", String(36), ForeignKey("decisions.id"), nullable=False, index=True),
    Column("at", Float, nullable=False),
    Column("key", String(64)),
    Column("score", Float, nullable=False),  # how good the answer was, 0 to 1
    Column("source", String(32), nullable=False),  # user, judge, ...
    Column("tier", String(8)),  # whose answer is meant; null: the one that was given
)

# What a second local model thought of a logged request; `answer` stays null where no word is kept.
opinions = Table(
    "opinions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("decision_id", String(36), ForeignKey("decisions.id"), nullable=False, index=True),
    Column("at", Float, nullable=False),
    Column("local_model", Text, nullable=False),  # whose answer is judged
    Column("model", Text, nullable=False),  # that gave the second opinion
    Column("answer", Text),  # of the second model
    Column("p_local", Float, nullable=False),  # by the verifier, the prompt's own p left out
    Column("p_cloud", Float, nullable=False),
    Column("agreement", Text, nullable=False),  # JSON: measure -> value
    Column("weight", Float, nullable=False),  # reliability of such a label, 0 to 1
    Column("router_version", Text, nullable=False),
)

# One row per probe that a local model, by the digest of its weights, has answered.
probes = Table(
    "probes",
    metadata,
    Column("model", Text, primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("probe_id", String(64), primary_key=True),
    Column("at", Float, nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("latency_s", Float, nullable=False),
)

# What a challenger would have decided beside the champion.
shadow = Table(
    "shadow",
    metadata,
    Column("decision_id", String(36), primary_key=True),
    Column("version", Text, primary_key=True),
    Column("at", Float, nullable=False),
    Column("p_local", Float, nullable=False),
    Column("p_cloud", Float, nullable=False),
    Column("threshold", Float, nullable=False),
    Column("tier", String(8), nullable=False),
    Index("shadow_version", "version", "tier"),
)

# Alarms, promotions and rollbacks, in words.
events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("version", Text),
    Column("words", Text, nullable=False),
)

reservations = Table(
    "reservations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("at", Float, nullable=False),
    Column("key", String(64)),
    Column("day", String(10), nullable=False, index=True),
    Column("month", String(7), nullable=False, index=True),
    Column("usd", Float, nullable=False),  # the estimate, then what was paid
    Column("settled", Boolean, nullable=False),
)

# Who does what only one of all gateways shall do, and until when by the database's own clock.
leases = Table(
    "leases",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("until", Float, nullable=False),
)

# What gateways remember for each other; no word of a request. `at`: by the database's own clock.
shared = Table(
    "shared",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("name", String(128), primary_key=True),
    Column("at", Float, nullable=False, index=True),
    Column("holder", String(64), nullable=False),  # who wrote it
    Column("value", Text, nullable=False),  # JSON
)
