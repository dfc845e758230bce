"""Look before escalating: read the local answer, and what a second local model says.

Run: python examples/look.py
"""

from router import Answer, predict_after, predict_tier

before = predict_tier("How many days do seven weeks have?")
print(f"before:      {before.act}  p_local {before.p_local:.2f}")

agreeing = predict_after(before, "7 * 7 = 49", ["There are 49 days."])
print(f"they agree:  {agreeing.act}  p_local {agreeing.p_local:.2f}")

# Naming the models says how much their opinions weigh.
differing = predict_after(
    before, Answer("49", model="llama3.2:1b"), [Answer("56", model="gemma2:9b")]
)
print(f"they differ: {differing.act}  p_local {differing.p_local:.2f}")
