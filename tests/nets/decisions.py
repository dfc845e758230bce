"""200 decisions, as a caller of the public names gets them: 40 prompts in five situations."""

import json
from pathlib import Path
from typing import Any

from router import Answer, Decision, Money, Router

GOLDEN = Path(__file__).with_name("golden_decisions.json")
PROMPTS = (
    "What is the capital of Peru?",
    "Say hello.",
    "How many days do seven weeks have?",
    "Translate 'see you on Monday' into Spanish.",
    "Wie spät ist es in Tokio, wenn es in Berlin Mittag ist?",
    "Quelle est la différence entre un virus et une bactérie ?",
    "¿Cuántos litros caben en un metro cúbico?",
    "日本の首都はどこですか。",
    "Какая планета самая большая?",
    "ما هي عاصمة مصر؟",
    "한국의 수도는 어디인가요?",
    "Write a Python function that checks whether a number is prime.",
    "Explain this error: TypeError: 'NoneType' object is not subscriptable",
    "SELECT name FROM users WHERE id = 5; -- what does this return?",
    "Our Go service leaks goroutines only behind HTTP/2 when clients cancel. Find the mechanism.",
    "Refactor this into one loop:\n"
    "```python\nfor a in x:\n    print(a)\nfor b in y:\n    print(b)\n```",
    "Solve x^2 - 9x + 20 = 0.",
    "Prove that the square root of 2 is irrational.",
    "Prove Zorn's lemma from the axiom of choice, in full rigour.",
    "A train leaves at 8:15 and arrives at 11:40. How long does it take?",
    "Which is larger, 9.11 or 9.9? A) 9.11 B) 9.9 C) equal D) cannot be told",
    "Let f be continuous on [0,1] with f(0)=f(1). Show that f(x)=f(x+1/2) for some x.",
    "Summarise in one sentence: The pool is closed on Tuesday because the pump is being repaired.",
    "Draft a polite mail that declines an invitation to a wedding.",
    "Write a haiku about rain.",
    "Give me five names for a bakery.",
    "Extract all dates as JSON: We met on 3 May 2024 and again on 2024-06-01.",
    'Answer only with JSON of the form {"city": string}: which city has the Eiffel tower?',
    "Design a payment ledger over three regions that survives the loss of one.",
    "Draft a drag-along clause under Delaware law, with the counter-arguments.",
    "Compare the monetary policies of two central banks after 2008 and their distribution effects.",
    "A 54-year-old man has chest pain radiating to the left arm. List differential diagnoses.",
    "Is it going to rain?",
    "continue",
    "?",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "One. " * 300,
    "Which of these is a mammal: shark, dolphin, penguin?",
    "Sort: 5, 3, 9, 1.",
    "Who wrote the play Hamlet, and when was it first performed?",
)
_TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}
_ANSWERS = ("The answer is 42.", "I'm sorry, I cannot help with that.", "", "It is **49**.", "No.")
_OTHERS = ("42", "The answer is 41, since 6 * 7 = 41.", '{"city": "Paris"}', "It is 49.", "Yes.")


def decided() -> list[dict[str, Any]]:
    """All 200, in order."""
    router = Router.load()
    small = Router.load(local_model="qwen2.5:0.5b", operating_point=Money(value_usd=0.05))
    out: list[Decision] = []
    for i, prompt in enumerate(PROMPTS):
        answer, other = _ANSWERS[i % 5], _OTHERS[i // 2 % 5]
        talk = [
            {"role": "user", "content": "Let us go on with what we did yesterday."},
            {"role": "assistant", "content": "Gladly. Where shall we begin?"},
            {"role": "user", "content": prompt},
        ]
        before = router.predict(prompt)
        out += [
            before,
            small.predict(messages=talk, response_format={"type": "json_object"}),
            router.predict(messages=talk, tools=[_TOOL] * (1 + i % 3)),
            router.predict_after(before, Answer(answer, cut_off=i % 7 == 0), logprobs=[-0.1] * 5),
            router.predict_after(before, answer, [other, Answer(answer, model="gemma2:9b")]),
        ]
    return [one.as_dict() for one in out]


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(decided(), indent=0, ensure_ascii=False) + "\n")
