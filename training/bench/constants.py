"""The numbers of the benchmarks: what their protocols say, and what was chosen by hand.

models/BENCHMARK.md and models/BENCHMARK-LOOP.md report results under these.
"""

FOLDS, INNER_FOLDS = 5, 2  # chosen: grouped folds of a protocol, and within their train rows

# By prompts.
MMLU_LABELS, GSM8K_LABELS = 1500, 200  # chosen: what a user might label; the rest tests
BASE_C = 0.01  # chosen among a handful of values by splits of the works (models/BENCHMARK-LOOP.md)
QUESTION_ROUNDS = 60  # chosen: the spread over questions is then known to a tenth
CALIBRATION_LABELS, CALIBRATION_SHARE = 1000, 0.1  # chosen: labels, and their part to calibrate

# Everyday prompts.
LEAST_PROMPTS = 40  # chosen: of a language, for an AUC that says something
RESAMPLES = 1000  # chosen: a 95 % interval is then steady

# By answers.
FIT_C = 0.01  # chosen: of {.003, .01, .03, .1}, by the folds of ZeroEval
# Chosen: of a cloud label, the pair's own model; the rest is the mean of all cloud models.
OWN_SHARE = 0.6
FEW_LABELS = 50  # chosen: what a user labels in an hour
TEACHING_ANSWERS = 8000  # chosen: of all models, for each protocol; more change nothing

# The loop.
CURVE_LABELS = (0, 50, 200, 1000, 4000)  # chosen: points of the learning curve
PROBES = 100  # chosen: prompts of which a swapped model is known
SERVED_REQUESTS, ROUND_REQUESTS = 5000, 1000  # chosen: in all, and between two fits
EXPLORED_SHARE = 0.02  # what the README asks of a log
CLOUD_SHARE = 0.3  # chosen: of the served requests
TEST_FOLDS = 3  # chosen: a third is for testing alone
ENOUGH_ROWS = 1.2  # chosen: times the served requests that a work must have

# Off-policy estimates.
LOG_ROWS, LOG_ROUNDS = 5000, 300  # chosen: requests of a simulated log, and bootstrap rounds
NEAR = 0.01  # chosen: an estimate this near to the truth is good enough to act on
OUTPUT_TOKENS = 500  # the default of the setting
CENTS = 100.0  # costs in cents, so that quality and cost are of one size

# What-if on small logs.
SERVED_AT, ASKED_SHARES = 0.3, (0.1, 0.2, 0.4, 0.6)  # chosen: of the cloud, served and asked about
OPINION_ERRS = 0.2  # chosen: how often agreement is no sign of a good answer
COPIED = 0.3  # chosen: share of the first model's mistakes that a second one of its kind repeats
JUDGED = 60  # chosen: what half a dollar of judging gives
RATERS, REQUEST_S = 8, 600.0  # chosen: keys, and seconds between requests, so that no cap is met

# The quality floor.
FLOORS = (0.9, 0.95)  # chosen: what a person would set
FLOOR_LABELS = (100, 300, 1000, 3000)  # chosen: an evening of judging, up to all of a source
FLOOR_DRAWS = 1000  # chosen: a share of 5 % is then known to within 1.4 %

# Encoders.
STATIC_WIDTHS = (64, 8)  # chosen: a quarter of the default's, and hardly any
TIMED_REQUESTS, WARM_UP_REQUESTS = 60, 10  # chosen: a steady median in a second
COST_STEPS = 10  # chosen: rows of the cost table
TRADE_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # chosen: of the cloud, what a person compares first

# Speed. The targets are the product's own.
SHORT_CHARS, LONG_CHARS, ANSWER_CHARS = 300, 5000, 1500  # chosen: a request, a long one, an answer
LINE_ENDS = 50_000  # chosen: what nobody writes and somebody sends
ROUNDS, WARM_UP_ROUNDS, COLD_ROUNDS = 3000, 50, 5  # chosen: a steady 99th percentile in seconds
BATCH_PROMPTS = 5000  # chosen: a second's worth
UNMEASURED_ROWS = 1500  # chosen: of each source and model; shares are then known to 0.03

# Models, questions and sources left out.
UNSEEN_FOLDS = 5  # chosen: a fifth of the models and of the questions hidden at a time
UNSEEN_ANSWERS, BEGINNING_ANSWERS = 6000, 6000  # chosen: of each source, as a fit takes
STRANGE_SEEDS = 2  # chosen: each hides other models and questions, and takes minutes
LABELS = 100  # what the target for calibration is stated with
RELIABILITY_BINS = 10  # chosen: a diagram that a person can read
# Streams.
TOKENS_PER_S = 30.0  # chosen: of a local model of 8 billion parameters on a laptop
STREAM_WAITS = (1.0, 2.0, 4.0)  # chosen: seconds around the default of 2
STREAM_THRESHOLDS, CLOUD_SHARES = 60, 21  # chosen: points of a curve, and shares it is read at
COMPARED_SHARE = 0.3  # chosen: of the cloud, at which policies are compared, as of the loop
LEAST_STREAMS = 50  # chosen: of one local model; fewer say nothing of it
# Logs that might mislead.
SERVED_SHARE = 0.7  # chosen: what the champion's own cut gives on this traffic, about
TRAFFIC_SOURCES = ("ZeroEval", "MMLU-Pro")  # that have answers of several local models in full
LOG_REQUESTS, LOG_STEP_S = 3000, 600.0  # chosen: three weeks of one person's traffic
FIRST_SEED = 1000  # chosen: lessons were chosen on logs of lower seeds
LARGE_LOGS = 1  # chosen: of a case with more requests; one takes minutes
AUDITED_SHARE = 0.02  # the setting's default
ASKED_RATE = 0.9  # chosen: audited answers that are rated when somebody is asked

# Drift.
DRIFT_LEARNED, DRIFT_SESSIONS = (200, 1000, 3000), (1, 5, 10, 25)  # chosen: from few to many
DRIFT_LOOKS, DRIFT_NEW_LOOKS = 20, 2  # chosen: beside one memory, unchanged and of new topics

# Models that err alike.
REPEATED_PROMPTS = 2500  # chosen: of a source; shares of a pair are then known to .02
FEWEST_MISTAKES = 50  # chosen: of a pair; fewer say nothing
POPULAR_PRIOR = 0.15  # chosen: of 1.5 models, who repeat a mistake as often as strangers do
SIMULATED_COPIES = (0.0, 0.1, 0.15, 0.3, 0.5)  # chosen: from nothing to every second mistake
AUDIT_SHARES = (0.0, AUDITED_SHARE, 0.1)  # chosen: nobody rates, the default, and a diligent owner

# Rows made up.
FILE_ROWS = 50_000  # chosen: of a Parquet file; a piece of work of some seconds
ANY_WORD = 0.05  # chosen: of the steps; so that pairs of words are not those of the originals alone
TOLD_WORDS, WORD_EFFECT = 400, 1.5  # chosen: words that say something, deviation of what they say
LENGTH_EFFECT = 0.8  # chosen: by how much an answer is worse for each e-fold of words
MADE_MODELS = {  # and by how much each is better than its tier
    "local": (("made-8b", 0.0), ("made-3b", -0.6)),
    "cloud": (("made-cloud", 0.0),),
}
SAMPLE_S = 0.5  # chosen: between two looks at the memory of all processes
EXPONENT_FROM = 3  # sizes at least, for a line through logarithms
