"""What one request leaves behind: its row in the outcome log and the headers of its answer."""

import json
from dataclasses import dataclass, field
from typing import Any

from router.engine.call import Call
from router.engine.constants import MAX_HEADER_CHARS
from router.engine.rules import Plan
from router.errors import status_of
from router.outcomes.faults import Fault
from router.settings import Store
from router.types import Decision, Tier
from router.wire import Json
from router.wire.summary import Summary

_KEPT_FIELDS = ("messages", "system", "tools", "response_format", "output_config")


@dataclass(slots=True, kw_only=True)
class Record:
    """Filled in on the way; `row` and `headers` read it."""

    id: str
    at: float
    call: Call
    router_version: str
    policy_version: str
    store: Store
    deadline: float = 0.0  # on the event loop's clock, for everything that is done for it
    plan: Plan | None = None
    decision: Decision | None = None
    after: Decision | None = None
    private: tuple[str, ...] = ()
    features: bytes | None = None
    tier: Tier | None = None
    model: str = ""
    model_digest: str = ""
    local_model: str = ""
    cascade: str = "off"
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
    cloud_usd: float | None = None
    first_token_s: float | None = None
    waited_s: float = 0.0
    latency_s: float = 0.0

    @property
    def reason(self) -> str:
        """Why this tier answered, in words; of what was looked at, what was known at the end."""
        if self.fell_back:
            return self.fell_back
        parts = []
        if self.escalated and self.checks:
            parts.append(f"The local answer was not good enough ({', '.join(self.checks)}).")
        elif self.plan is not None and (self.after is None or self.plan.rule != "learned"):
            parts.append(self.plan.reason)
        if self.after is not None:
            parts.append(self.after.reason)
        return " ".join(parts) or "Nothing was decided."

    def failed(self, error: BaseException) -> None:
        """Note how it ended; of the error only what it is called, its words may hold the prompt."""
        self.status, self.error = status_of(error)

    def headers(self, streaming: bool = False) -> dict[str, str]:
        """What every answer tells about its way."""
        out = {"x-router-decision-id": self.id, "x-router-policy-version": self.policy_version}
        if self.tier is not None:
            out |= {"x-router-tier": self.tier, "x-router-model": _ascii(self.model)}
        if self.plan is not None:
            out |= {"x-router-rule": self.plan.rule, "x-router-reason": _ascii(self.reason)}
        if (known := self.after or self.decision) is not None:
            for name in ("p_local", "p_cloud", "gain", "threshold"):
                out[f"x-router-{name.replace('_', '-')}"] = f"{getattr(known, name):.4f}"
        cost = (self.cloud_usd or 0.0) if streaming and self.tier == "cloud" else self.cost_usd
        out["x-router-cost-usd"] = f"{cost:.6f}"
        if streaming and self.tier == "cloud":
            out["x-router-cost"] = "estimated"
        if self.private:
            out["x-router-private"] = _ascii(", ".join(self.private))
        if self.escalated:
            out["x-router-escalated"] = "true"
        return out

    def first_event(self) -> Json:
        """What the first event of a stream that waited for a verdict says of it."""
        return {
            "tier": self.tier,
            "waited_s": round(self.waited_s, 4),
            "for": self.cascade,
            "decision_id": self.id,
        }

    def row(self) -> dict[str, Any]:
        """The row of the outcome log; of a private request no word is kept."""
        plan, known, after, answer = self.plan, self.decision, self.after, self.answer
        words = self.store == "full" and not self.private
        usage = answer.usage if answer else None
        return {
            "id": self.id,
            "at": self.at,
            "api": self.call.api,
            "key": self.call.key,
            "stream": self.call.stream,
            "rule": plan.rule if plan else "none",
            "reason": self.reason,
            "trail": json.dumps([[s.rule, s.left, s.words] for s in plan.trail]) if plan else None,
            "tier": self.tier,
            "model": self.model or None,
            "model_digest": self.model_digest or None,
            "local_model": self.local_model or None,
            "router_version": self.router_version,
            "policy_version": self.policy_version,
            "p_local": known.p_local if known else None,
            "p_cloud": known.p_cloud if known else None,
            "gain": known.gain if known else None,
            "threshold": known.threshold if known else None,
            "propensity": plan.propensity if plan else None,
            "explored": plan.explored if plan else False,
            "private_kinds": json.dumps(self.private) if self.private else None,
            "cascade": self.cascade,
            "checks": self._checks(),
            "p_local_after": after.p_local if after else None,
            "p_cloud_after": after.p_cloud if after else None,
            "second_model": self.second_model,
            "escalated": self.escalated,
            "status": self.status,
            "error": self.error,
            "finish": answer.finish if answer else None,
            "input_tokens": usage.input_tokens if usage else None,
            "output_tokens": usage.output_tokens if usage else None,
            "cost_usd": self.cost_usd,
            "cloud_usd": self.cloud_usd,
            "latency_s": self.latency_s,
            "first_token_s": self.first_token_s,
            "request": self._request() if words else None,
            "answer": answer.text if words and answer else None,
            "second_answer": self.second_answer if words else None,
            "local_answer": self.local_answer if words else None,
            "features": self.features,
        }

    def _checks(self) -> str | None:
        """A JSON list; with why a poor answer was kept, if it was."""
        kept = [f"not escalated: {self.kept_for}"] if self.kept_for else []
        found = [*self.checks, *kept]
        return json.dumps(found) if found else None

    def _request(self) -> str:
        body = self.call.body
        kept = {k: body[k] for k in _KEPT_FIELDS if k in body}
        return json.dumps(kept, ensure_ascii=False).encode("utf-8", "replace").decode()


def _ascii(text: str) -> str:
    """Text as a header takes it."""
    return " ".join(text.encode("ascii", "replace").decode().split())[:MAX_HEADER_CHARS]
