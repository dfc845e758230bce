"""Through the gateway with Anthropic's SDK; a rating teaches the router.

Run: router serve, then: pip install anthropic && python examples/anthropic_sdk.py
ROUTER_URL names another address than http://127.0.0.1:8787, ROUTER_KEY a key if it asks for one.
"""

import os

import httpx
from anthropic import Anthropic

URL = os.environ.get("ROUTER_URL", "http://127.0.0.1:8787")
KEY = os.environ.get("ROUTER_KEY", "none")
client = Anthropic(base_url=URL, api_key=KEY)

raw = client.messages.with_raw_response.create(
    model="auto",
    max_tokens=300,
    messages=[{"role": "user", "content": "What is the capital of France?"}],
)
print(raw.headers["x-router-tier"], raw.headers["x-router-reason"])
print("".join(block.text for block in raw.parse().content if block.type == "text"))

rating = {"decision_id": raw.headers["x-router-decision-id"], "rating": "good"}
httpx.post(f"{URL}/v1/feedback", json=rating, headers={"x-api-key": KEY}).raise_for_status()
