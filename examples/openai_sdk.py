"""Through the gateway with OpenAI's SDK, whole and as a stream.

Run: router serve, then: pip install openai && python examples/openai_sdk.py
ROUTER_URL names another address than http://127.0.0.1:8787, ROUTER_KEY a key if it asks for one.
"""

import os

from openai import OpenAI

URL = os.environ.get("ROUTER_URL", "http://127.0.0.1:8787")
client = OpenAI(base_url=f"{URL}/v1", api_key=os.environ.get("ROUTER_KEY", "none"))

raw = client.chat.completions.with_raw_response.create(
    model="auto", messages=[{"role": "user", "content": "What is the capital of France?"}]
)
print(raw.headers["x-router-tier"], raw.headers["x-router-reason"])
print(raw.parse().choices[0].message.content)

# A tier may be named, and then no other one answers.
stream = client.chat.completions.create(
    model="local", messages=[{"role": "user", "content": "Say hello."}], stream=True
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
print()
