"""What one request leaves behind: its row in the outcome log and the headers of its answer."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from router.engine.call import Call
from router.engine.cascade import answer_of
from router.engine.constants import MAX_HEADER_CHARS, YOUNG_S
from router.engine.hold import Held
from router.engine.in_force import Policy
from router.engine.rules import UNPLANNED, Plan
from router.errors import status_of
from router.outcomes.faults import Fault
from router.privacy import Screening
from router.text.request import kind_of
from router.types import Decision, Tier
from router.wire import Json, dumped
from router.wire.summary import Summary

_KEPT_FIELDS = ("messages", "system", "tools", "response_format", "output_config", "router")


@dataclass(slots=True, kw_only=True)
class Record:
    """One request on its way: what was found out, planned and done; `headers` tells of it.

    `row`: of the outcome log, once it has ended.
    """

    id: str
    at: float
    call: Call
    policy: Policy
    deadline: float  # on the event loop's clock, for everything that is done for it
    screening: Screening | None = None
    plan: Plan = UNPLANNED
    audited: bool = False  # drawn to be labelled, whatever comes of it
    audit: float | None = None  # probability with which it was drawn; None: it could not be
    models: Mapping[Tier, str] = field(default_factory=dict)  # who would answer
    est_usd: float = 0.0  # of a cloud answer
    doubts: int = 0  # of the verifier in the steps of a loop before
    doubted: bool = False  # by the verifier, and given all the same
    decision: Decision | None = None
    after: Decision | None = None
    at_end: Decision | None = None  # of a stream, by all of it, when it had been given
    held: Held | None = None
    features: bytes | None = None
    tier: Tier | None = None  # that answered
    model: str = ""
    model_digest: str = ""
    cascade: str = "off"
    wants_logprobs: bool = False  # so that the verifier sees how sure the local model was
    checks: list[Fault] = field(default_factory=list)
    kept_for: str = ""  # code of what failed when the answer should have been escalated
    second_model: str | None = None
    second_answer: str | None = None
    local_answer: str | None = None  # that was escalated
    escalated: bool = False
    fell_back: str = ""  # why another tier answered than was planned
    status: int = 200
    error: str | None = None
    answer: Summary | None = None
    cost_usd: float = 0.0
    cloud_usd: float | None = None  # of the cloud's answer, had it answered all turns before
    cache_usd: float = 0.0  # what its prompt cache saved on the answer
    switch_usd: float = 0.0  # what the answer cost because the turn before was another tier's
    first_token_s: float | None = None
    waited_s: float = 0.0
    latency_s: float = 0.0
    row: dict[str, Any] = field(default_factory=dict)

    @property
    def looked_at(self) -> bool:
        """Whether the local answer is judged: only where it may be replaced."""
        return self.cascade != "off" and self.plan.may_escalate

    @property
    def private(self) -> tuple[str, ...]:
        """The kinds of private content in it."""
        return self.screening.kinds if self.screening else ()

    @property
    def masked(self) -> tuple[str, ...]:
        """The kinds that have stand-ins wherever it goes to the cloud."""
        return self.private if self.screening is not None and self.screening.masked else ()

    @property
    def reason(self) -> str:
        """Why this tier answered, in words; of what was looked at, what was known at the end."""
        parts = [self.fell_back or self._decided()]
        if self.masked and self.tier == "cloud":
            parts.append(f"Private content ({', '.join(self.masked)}) was masked.")
        return " ".join(parts)

    def _decided(self) -> str:
        parts = []
        if self.escalated and self.checks:
            parts.append(f"The local answer was not good enough ({', '.join(self.checks)}).")
        elif self.after is None or self.plan.rule != "learned":
            parts.append(self.plan.reason)
        if self.after is not None:
            parts.append(self.after.reason)
        if self.held is not None:
            parts.append(f"Its first {self.held.chars} characters were held.")
        return " ".join(parts)

    def failed(self, error: BaseException) -> None:
        """Note how it ended; of the error only what it is called, its words may hold the prompt."""
        self.status, self.error = status_of(error)

    def headers(self, streaming: bool = False) -> dict[str, str]:
        """What every answer tells about its way."""
        out = {"x-router-decision-id": self.id, "x-router-policy-version": self.policy.version}
        out["x-router-model-asked"] = _ascii(self.call.model)
        if self.tier is not None:
            out |= {"x-router-tier": self.tier, "x-router-model": _ascii(self.model)}
        if self.plan is not UNPLANNED:
            out |= {"x-router-rule": self.plan.rule, "x-router-reason": _ascii(self.reason)}
        if (known := self.after or self.decision) is not None:
            for name in ("p_local", "p_cloud", "gain", "threshold"):
                out[f"x-router-{name.replace('_', '-')}"] = f"{getattr(known, name):.4f}"
        cost = self.est_usd if streaming and self.tier == "cloud" else self.cost_usd
        out["x-router-cost-usd"] = f"{cost:.6f}"
        if streaming and self.tier == "cloud":
            out["x-router-cost"] = "estimated"
        if self.audited and not self.private:
            out["x-router-audit"] = "1"  # a rating of this answer is asked for
        if self.private:
            out["x-router-private"] = _ascii(", ".join(self.private))
        if self.masked and self.tier == "cloud":
            out["x-router-masked"] = _ascii(", ".join(self.masked))
        if self.escalated:
            out["x-router-escalated"] = "true"
        if self.held is not None:
            out["x-router-held-s"] = f"{self.held.seconds:.3f}"
            out["x-router-held-until"] = self.held.until
        return out

    def first_event(self) -> Json:
        """What the first event of a stream that waited for a verdict says of it."""
        return {
            "tier": self.tier,
            "waited_s": round(self.waited_s, 4),
            "for": self.cascade,
            "decision_id": self.id,
        }

    @property
    def keeps(self) -> str:
        """What the log may keep of it: `full`, `features` or `none`. A client may ask for less."""
        settings = self.policy.settings
        if self.private:
            return "features" if settings.private_learning == "features" else "none"
        if settings.store == "full" and self.call.body.get("store") is False:
            return "features"
        return settings.store

    def close(self) -> None:
        """Make its row, of a private request without a word; nothing is noted after that."""
        plan, known, answer, held = self.plan, self.decision, self.answer, self.held
        after = self.at_end or self.after
        words = self.keeps == "full" and self.screening is not None
        planned = plan is not UNPLANNED
        usage = answer.usage if answer else None
        self.row = {
            "id": self.id,
            "at": self.at,
            "api": self.call.dialect,
            "key": self.call.key,
            "stream": self.call.stream,
            "kind": kind_of(self.call.request) if planned else None,
            "rule": plan.rule,
            "reason": self.reason,
            "trail": self._trail(),
            "tier": self.tier,
            "model": self.model or None,
            "model_digest": self.model_digest or None,
            "local_model": self.models.get("local"),
            "router_version": self.policy.router.version,
            "policy_version": self.policy.version,
            "p_local": known.p_local if known else None,
            "p_cloud": known.p_cloud if known else None,
            "gain": known.gain if known else None,
            "threshold": known.threshold if known else None,
            "propensity": plan.propensity if planned else None,
            "explored": plan.explored,
            "audited": self.audited,
            "audit": self.audit,
            "private_kinds": json.dumps(self.private) if self.private else None,
            "cascade": self.cascade,
            "checks": self._checks(),
            "p_local_after": after.p_local if after else None,
            "p_cloud_after": after.p_cloud if after else None,
            "held_chars": held.chars if held else None,
            "held_s": held.seconds if held else None,
            "held_until": held.until if held else None,
            "second_model": self.second_model,
            "escalated": self.escalated,
            "status": self.status,
            "error": self.error,
            "finish": answer.finish if answer else None,
            "max_tokens": self.call.max_tokens,
            "input_tokens": usage.input_tokens if usage else None,
            "output_tokens": usage.output_tokens if usage else None,
            "cache_read": usage.cache_read if usage else None,
            "cache_write": usage.cache_write if usage else None,
            "cost_usd": self.cost_usd,
            "cloud_usd": self.cloud_usd,
            "cache_usd": self.cache_usd,
            "switch_usd": self.switch_usd,
            "latency_s": self.latency_s,
            "first_token_s": self.first_token_s,
            "request": self._request() if words else None,
            "answer": answer_of(answer, self.model).written if words and answer else None,
            "second_answer": self.second_answer if words else None,
            "local_answer": self.local_answer if words else None,
            "features": self.features,
        }

    def _trail(self) -> str | None:
        steps = [[s.rule, s.left, s.words] for s in self.plan.trail]
        return dumped(steps).decode() if steps else None

    def _checks(self) -> str | None:
        """A JSON list; with why a poor answer was kept, if it was."""
        kept = [f"not escalated: {self.kept_for}"] if self.kept_for else []
        found = [*self.checks, *kept]
        return json.dumps(found) if found else None

    def _request(self) -> str:
        body = self.call.body
        kept = {k: body[k] for k in _KEPT_FIELDS if k in body}
        return dumped(kept).decode()


def _ascii(text: str) -> str:
    """Text as a header takes it."""
    return " ".join(text.encode("ascii", "replace").decode().split())[:MAX_HEADER_CHARS]


def decision_id(now: float) -> str:
    """An id that sorts by time, as UUIDv7 does: the log's index then grows at one end only."""
    return f"{round(now * 1000):012x}{uuid4().hex[12:]}"


def is_young(decision: str, now: float) -> bool:
    """Whether a decision, by its id, was made less than YOUNG_S from `now`.

    >>> is_young(decision_id(1e9), 1e9 + 1), is_young(decision_id(1e9), 1e9 + 99), is_young("x", 0)
    (True, False, False)
    """
    try:
        return abs(int(decision[:12], 16) / 1000 - now) < YOUNG_S
    except ValueError:
        return False
