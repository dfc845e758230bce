"""The numbers of this package that were chosen by hand.

Where a benchmark chose among several values, models/BENCHMARK.md tells how: by splits of the works
that it reports, one value for all works.
"""

# The columns of the heads. A block's scale sets how strongly its weights are shrunk beside the
# others'. Of 0 to 2 times each, tried on MMLU, GSM8K, ZeroEval and MMLU-Pro, these are good
# everywhere and best nowhere by much (models/BENCHMARK.md).
EMBEDDING_SCALE, STRUCTURE_SCALE, WORDS_SCALE, PAIRS_SCALE = 1.5, 0.3, 3.0, 1.5
MODEL_SCALE = 3.0  # chosen: ability terms are few and well supported, so they are hardly shrunk
BASE_SCALE = 3.0  # chosen: the base's logits are trained already, so less shrunk than words
LEAST_DEVIATION = 1e-6  # chosen: a feature that varies less has not varied

# The heads.
# scikit-learn's C. Of {.003, .01, .03, .1, .3} this ranks best (APGR) on MMLU, GSM8K and ZeroEval
# alike (models/BENCHMARK.md); more data bears weaker shrinkage (--strength).
HEAD_C = 0.03
MIN_ROWS = 20  # chosen: a head on fewer rows would be chance
CHOICE_FOLDS, CHOICE_PROMPTS = 3, 6000  # chosen: enough to tell a fit from its base, in seconds
MAX_ITERATIONS = 500  # chosen: fits end long before; a bound on what does not converge
TOLERANCE = 1e-4  # scikit-learn's default

# Calibration: strength of the prior as curvature of the log loss; one row of an even case has 0.25.
# Chosen: held-out folds of a fit are many; rows set aside are few and come after that scaling.
FOLDS_PRIOR, ROWS_PRIOR = 10.0, 100.0
LEAST_SLOPE = 1e-3  # chosen: calibration must not turn a ranking round

# The verifier.
# C. Chosen by grouped folds on ZeroEval and MMLU-Pro; .01 to .3 lie within .003 of each other.
VERIFIER_C = 0.03
# Adaptation first moves slope and level (this weak a prior lets fifty labels do it; three priors
# lie within .01, models/BENCHMARK.md), then weights by this C.
ADAPT_PRIOR, ADAPT_C = 3.0, 0.01
BIAS_C = 100.0  # chosen: the intercept is hardly held back
# What a feature says in one domain holds elsewhere to a different degree. Agreement and empty or
# broken answers mean the same everywhere (1); how much equality says depends on the kind of answer;
# lengths and counts depend on the domain. The smaller the number, the stronger the shrinkage.
# Tried on MMLU-Pro to ZeroEval and back: with 1 for all, the APGR of the first falls by .05
# (models/BENCHMARK.md).
KIND_TRUST, DOMAIN_TRUST = 0.1, 0.03
# Chosen: similarities vary less among exam answers than elsewhere; this keeps others in range.
LEAST_SIMILARITY_SCALE = 0.2
PROSE_WEIGHT = 3.0  # chosen: free text is rarest among exam answers and commonest at home
# Two texts on one exam question have more in common (.77 on average) than two open answers to one
# everyday prompt (.60: Qwen2.5 0.5B and 1.5B on 140 of data/everyday). Without labels of the latter
# the typical degree of each is taken to say the same, as beliefs must not move on average.
EVERYDAY_LEVEL = 0.60

# Looking, and the encoder.
NEAREST_REQUESTS = 400  # chosen: enough to know the quantiles of their moves
ENCODER_DIMENSIONS = 256  # chosen: model2vec's default
GIT_S = 10  # chosen: git answers at once

# Known outcomes.
MOST_PAIRS = 12  # chosen: pairs of models that a version keeps, those with most outcomes
