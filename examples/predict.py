"""Where should a prompt go? No server, no key, no network.

Run: python examples/predict.py
"""

from router import predict_tier

for prompt in ("What is the capital of Peru?", "Prove that every vector space has a basis."):
    decision = predict_tier(prompt)
    print(f"{decision.tier}  {prompt}  {decision.reason}")
