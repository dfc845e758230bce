"""Route and answer from Python: rules, privacy filter, budget and log as in the gateway.

Run: pip install '.[gateway]' && python examples/without_server.py
It finds Ollama at its usual address, and Claude if ANTHROPIC_API_KEY is set; ROUTER_LOCAL_URL and
router.toml say otherwise.
"""

from typing import Literal

from router import RouterError, route_request


def ask(text: str, tier: Literal["auto", "local", "cloud"] = "auto") -> None:
    """Print the answer, who gave it and why."""
    try:
        answer = route_request([{"role": "user", "content": text}], tier=tier)
    except RouterError as error:  # one sentence that says what to do
        print(error)
    else:
        print(f"{answer.tier} ({answer.model}, ${answer.cost_usd:.4f}), rule {answer.rule}")
        print(answer.text)


ask("What is the capital of France?")
ask("Write a mail to ann@example.org.", tier="cloud")  # private: it stays, whatever tier is named
