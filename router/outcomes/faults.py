"""What can be plainly wrong with an answer: the words of the log's column `checks`."""

from enum import StrEnum


class Fault(StrEnum):
    """One finding; its value stands in the outcome log and is what people read."""

    EMPTY = "empty"
    REFUSAL = "refusal"
    CUT_OFF = "cut off"
    UNSURE = "low log-probability"
    INVALID_JSON = "invalid JSON"
    INVALID_CALL = "invalid tool arguments"
    PROMPT_CUT = "prompt truncated"
