"""The numbers of this package that were chosen by hand.

Where a benchmark chose among several values, models/BENCHMARK.md tells how: by splits of the works
that it reports, one value for all works.
"""

# The columns of the heads. A block's scale sets how strongly its weights are shrunk beside the
# others'. Of 0 to 2 times each, tried on MMLU, GSM8K, ZeroEval and MMLU-Pro, these are good
# everywhere and best nowhere by much (models/BENCHMARK.md).
EMBEDDING_SCALE, STRUCTURE_SCALE, WORDS_SCALE, PAIRS_SCALE = 1.5, 0.3, 3.0, 1.5
SYLLABLES_SCALE = 1.5
MODEL_SCALE = 3.0  # chosen: ability terms are few and well supported, so they are hardly shrunk
BASE_SCALE = 3.0  # chosen: the base's logits are trained already, so less shrunk than words
# Labelled prompts that speak for a base's slope and order. On two works, seeds 100 to 111,
# each left out of the base: with 50 labels a head that is fitted or recalibrated in full loses up
# to .05 of APGR, a fifth of the way .003, and keeps half of what labels gain elsewhere.
BASE_PROMPTS = 200.0
LEAST_DEVIATION = 1e-6  # chosen: a feature that varies less has not varied
# Chosen: what stands around few prompts differs by steps of this size (logarithms of counts), so
# that it is cut off, by Z_LIMIT, at four tools or rounds and not at one.
LEAST_AROUND_SCALE = 0.4
LEAST_SHARE_SCALE = 0.1  # chosen: one Greek letter in a formula is no Greek text

# The heads.
# scikit-learn's C. Of {.003, .01, .03, .1, .3} this ranks best (APGR) on MMLU, GSM8K and ZeroEval
# alike (models/BENCHMARK.md); more data bears weaker shrinkage (--strength).
HEAD_C = 0.03
MIN_ROWS = 20  # chosen: a head on fewer rows would be chance
CHOICE_FOLDS, CHOICE_PROMPTS = 3, 6000  # chosen: enough to tell a fit from its base, in seconds
MAX_ITERATIONS = 500  # chosen: fits end long before; a bound on what does not converge
LOSS_TOLERANCE = 1e-7  # chosen: of the loss; beyond, no probability moves in its third digit
# Steps that L-BFGS curves its way by. Two fits of the verifier, models and questions left out,
# looked at their rows 285 and 296 times with 60, 333 and 419 times with 10, the default, and ended
# at a lower loss; 100 saves no more than a tenth of that again. A fit in pieces of 150,000 made-up
# rows passed over them 116 times with 60, 215 with 30, 92 with 100, which is 100 MB more.
STEPS_REMEMBERED = 60
TOLERANCE = 1e-4  # scikit-learn's default
# Of the largest slope of the mean loss. Chosen for a fit on labelled outcomes, so that two ways to
# the same optimum end within a thousandth in probability; 1e-4 leaves a hundredth, 1e-5 a
# thousandth (everyday prompts).
FINE_TOLERANCE = 1e-6
# Beyond so many prompts the tolerance grows with them, up to scikit-learn's default. Chosen: then
# passes do not grow in number, and what they would still move is far less than what chance does.
FINE_PROMPTS = 50_000
EARLY_SHARE = 0.1  # chosen, so that passes over a few pieces cost less than those that they save

# Calibration: strength of the prior as curvature of the log loss; one row of an even case has 0.25.
# Chosen: held-out folds of a fit are many; rows set aside are few and come after that scaling.
FOLDS_PRIOR, ROWS_PRIOR = 10.0, 100.0
FARTHEST = 30.0  # chosen: logits; no mean probability that is not 0 or 1 lies beyond
LEAST_SLOPE = 1e-3  # chosen: calibration must not turn a ranking round

# The verifier.
# C. Chosen with models and questions left out of four sources: of {.003, .01, .03} this is best on
# real requests and tool calls, and within .007 of the best on exams.
VERIFIER_C = 0.01
# Adaptation first moves slope and level (this weak a prior lets fifty labels do it; three priors
# lie within .01, models/BENCHMARK.md), then weights by this C.
ADAPT_PRIOR, ADAPT_C = 3.0, 0.01
OWN_LABELS = 50.0  # chosen: of one kind, from one's own traffic, which needs no other's level then
BIAS_C = 100.0  # chosen: the intercept is hardly held back
# What a feature says in one domain holds elsewhere to a different degree. Agreement and empty or
# broken answers mean the same everywhere (1); how much equality says depends on the kind of answer;
# lengths and counts depend on the domain. The smaller the number, the stronger the shrinkage.
# Tried on MMLU-Pro to ZeroEval and back: with 1 for all, the APGR of the first falls by .05
# (models/BENCHMARK.md).
KIND_TRUST, DOMAIN_TRUST = 0.1, 0.03
# Chosen: similarities vary less among exam answers than elsewhere; this keeps others in range.
LEAST_SIMILARITY_SCALE = 0.2
# Trust in the squares of statistics and in the components of an answer's meaning. Chosen on real
# requests, each model and a fifth of the questions left out: AUC .771 without, .787 with both.
SQUARE_TRUST, MEANING_TRUST = 0.4, 0.17
# Of these trusts, where the cloud's answer is judged: the form of a local one says little of it.
CLOUD_TRUST = 0.3
KIND_FREEDOM = 1.0  # chosen: how far a kind's own weights may leave the common ones, times C
LEVEL_C = 1.0  # chosen: graders' levels are few and well supported
LEAST_VARIANCE = 0.5  # chosen: of statistics that hardly vary; 1 is usual, as they are z-scores
SOURCE_WEIGHT = 4000.0  # chosen: as many prompts as a middling source has
SOURCE_ANSWERS = 6_000  # chosen: of each source, beside none, one and two others; minutes to fit
BLIND_SHARE = 0.5  # chosen: of the answers, judged without their prompt

# Looking, and the encoder.
NEAREST_REQUESTS = 400  # chosen: enough to know the quantiles of their moves
ENCODER_DIMENSIONS = 256  # chosen: model2vec's default
GIT_S = 10  # chosen: git answers at once

# Known outcomes.
MOST_PAIRS = 12  # chosen: pairs of models that a version keeps, those with most outcomes
PEOPLE_ALPHA = 1e-6  # chosen: the tagger is hardly held back; its examples are many
PEOPLE_EPOCHS = 6  # chosen: rounds over all tokens; the weights are averaged
PEOPLE_STEP = 0.01  # chosen: some sixty features a token move its score by half a logit
# The share of neighbours that a token does not hear while the tagger learns: with few sentences
# around many values it would else know the sentences by heart.
PEOPLE_DEAF = 0.3
# In logits. Chosen on one draw of values of the tests' maker: 1 lifts the recall of addresses by
# .03 at the same false alarms, 2 costs some.
PEOPLE_LEAN = 1.0
# What the score of an address must reach, without and with a word beside it. Chosen, with
# `ADDRESS_PRICE`, on one draw of values of the tests' maker (seed 31) and on everyday prompts, each
# judged by a tagger that learnt from the other half of them.
ADDRESS_CUTS = (60.0, 10.0)
