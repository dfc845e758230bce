"""Every number that the pipelines were given by hand."""

# Splitting and sizes, in rows or shares of them.
MIN_THRESHOLD_ROWS = 50  # chosen: with fewer the base's table of reference traffic is kept
MIN_LABELS = 20  # chosen: fewer labels in a log teach nothing that a test could confirm
TEST_SHARE = 0.25  # chosen: of the requests with labels, the newest
MOST_TRAFFIC = 100_000  # chosen: newest requests that topics are remembered of; a mean to .003
CLEARLY_BETTER = 0.25  # chosen: a cloud answer better by more was worth its price (default cut)
# Each of n prompts of a source counts n to the minus this. Of 0 and .5, tried with sources and
# questions left out, .5 lowers the calibration error of tool calls from .15 to .11.
SOURCE_POWER = 0.5

CONVERSATION_ROWS = 200_000  # chosen: conversations are made of the first rows; some thousand do
# Of each part beside the fit, where more is in pieces: chosen, so that a share or a slope is known
# within .01, intervals take minutes, and a version's tables stay small.
JUDGED_PROMPTS = 20_000

# True labels beside agreement labels.
MIN_TRUE = 200  # chosen: below, folds of true labels are too small to choose by
TRUE_WEIGHTS = (0.0, 3.0, 30.0)  # chosen: tried by held-out log loss; 0 only recalibrates
TRUE_FOLDS = 2  # chosen: for the same trial
FAINT = 1e-6  # weight of labels that are there for calibration and evaluation alone

# Lessons from a log: shares of the way from the champion to a new fit, local and cloud head.
# Chosen on logs of seeds 0 to 3 (models/BENCHMARK-LOOP.md): the whole way ranks worse.
PART_WAYS = (
    ("most of the way to new weights", (0.75, 1.0)),
    ("half-way to new weights", (0.5, 0.5)),
)
# Of ratings alone, likewise; heads moved elsewhere, or one alone, lose up to .02 of APGR on some.
RATED_PART_WAYS = (("part of the way to new weights by ratings", (0.5, 0.75)),)
# Chosen likewise: a request that one model fails is harder for the other too, so a rating counts
# for the other tier as well, so much.
OTHER_TIER = 0.5
MOST_RATED_WEIGHT = 4.0  # chosen: a rating of what hardly anyone rates counts no more than that
RATER_C = 0.1  # chosen: who rates is told by few columns, some with few rows

# Levels of kinds.
# Of the champion's level. Chosen on the same logs, of 0, .5, .75 and 1: with 0 a kind that the
# verifier never met turns the order of the heads round.
LEVEL_SHARE = 0.75
# Of answers as good as bad, four times as many labels that say that no kind's level is off. Of 25
# and 100, on logs of seeds 200 to 205: 33 labels drawn by lot then move no kind by chance, and 900
# ratings move them as they did.
LEVEL_PRIOR = 100.0
LEVEL_EDGE = 1e-4  # chosen: no probability is held to be surer

FEWEST_DAYS = 20  # chosen: with fewer, drawing days anew says little of other days
BOTH_SIDES = 10  # chosen: good and bad answers of a tier; fewer of one side teach no order

# Weight of what reading an answer says, beside 1 for what a second opinion adds, on traffic of
# which nothing is known yet: a reading tells sources apart, and not rightly. Of 0 to 1 in quarters,
# with the source left out of the verifier and all sources together, .5 has a log loss of .60 (1:
# .66) and an AUC of .77 (.72), on two exams .59 (.67) and .79 (.66); on sources it was fitted on
# .45 (.43) and .85 (.86).
READING_TRUST = 0.5
COPIED_TOLD = 0.2  # chosen: agreement that counts for so much less is worth a word

# The verifier.
BEGINNINGS_WEIGHT = 0.5  # chosen: of whole answers' weight; streams are looked at more than once
BROKEN_WEIGHT = 0.05  # chosen: likewise; empty answers and refusals are rare, and plain to see
# Chosen with each kind of calls left out, of {.1, .2, .3}: AUC where no tool fits .49, ., .73;
# the other kinds lose .005, ., .02.
FOREIGN_WEIGHT = 0.2
CALIBRATION_PRIOR = 1.0  # chosen: rows that speak for leaving its calibration as it is

# Before and after, on later requests.
SHARES = (0.1, 0.2, 0.3, 0.5)  # shares of the cloud at which quality is told
ROUNDS = 500  # of the bootstrap
PEOPLE_EXAMPLES = (16_000, 18_000, 6_000)  # chosen: addresses, names, others; minutes to learn
PEOPLE_PROMPT = 400  # chosen: characters of a prompt that are read; enough for names and numbers
# The share of prompts without names that the tagger may find one in: a name makes a request private
# only if its owner says so.
NAME_RATE = 0.006
