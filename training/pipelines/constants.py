"""Every number that the pipelines were given by hand."""

# Splitting and sizes, in rows or shares of them.
MIN_THRESHOLD_ROWS = 50  # chosen: with fewer the base's table of reference traffic is kept
MIN_LABELS = 20  # chosen: fewer labels in a log teach nothing that a test could confirm
TEST_SHARE = 0.25  # chosen: of the requests with labels, the newest
CLEARLY_BETTER = 0.25  # chosen: a cloud answer better by more was worth its price (default cut)
# Each of n prompts of a source counts n to the minus this. Of 0 and .5, tried with sources and
# questions left out, .5 lowers the calibration error of tool calls from .15 to .11.
SOURCE_POWER = 0.5

# True labels beside agreement labels.
MIN_TRUE = 200  # chosen: below, folds of true labels are too small to choose by
TRUE_WEIGHTS = (0.0, 3.0, 30.0)  # chosen: tried by held-out log loss; 0 only recalibrates
TRUE_FOLDS = 2  # chosen: for the same trial
FAINT = 1e-6  # weight of labels that are there for calibration and evaluation alone

# Lessons from a log: shares of the way from the champion to a new fit, local and cloud head.
# Chosen on logs made of real outcomes (models/BENCHMARK-LOOP.md): whole new heads rank worse.
PART_WAYS = (
    ("most of the way to new weights", (0.7, 0.7)),
    ("half-way to new weights", (0.5, 0.5)),
    ("new weights of the cloud's head", (0.0, 1.0)),
    ("new weights", (1.0, 1.0)),
)
RATED_PART_WAYS = (
    ("half-way to new weights", (0.5, 0.5)),
    ("half-way to new weights of the cloud's head", (0.0, 0.5)),
)
TRUE_WEIGHT = 1.0  # chosen: beside agreement, so that no few ratings outweigh it
BOTH_SIDES = 10  # chosen: good and bad answers of a tier; fewer of one side teach no order

# The verifier.
BEGINNINGS_WEIGHT = 0.5  # chosen: of whole answers' weight; streams are looked at more than once
BROKEN_WEIGHT = 0.05  # chosen: likewise; empty answers and refusals are rare, and plain to see
CALIBRATION_PRIOR = 1.0  # chosen: rows that speak for leaving its calibration as it is

# Before and after, on later requests.
SHARES = (0.1, 0.2, 0.3, 0.5)  # shares of the cloud at which quality is told
ROUNDS = 500  # of the bootstrap
PEOPLE_EXAMPLES = (16_000, 18_000, 6_000)  # chosen: addresses, names, others; minutes to learn
PEOPLE_PROMPT = 400  # chosen: characters of a prompt that are read; enough for names and numbers
# The share of prompts without names that the tagger may find one in: a name makes a request private
# only if its owner says so.
NAME_RATE = 0.006
