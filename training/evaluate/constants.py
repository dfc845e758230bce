"""The numbers of this package that were chosen by hand."""

# Measures.
ECE_BINS = 15  # arXiv 1706.04599
PROBABILITY_BINS = 4096  # chosen: of a histogram; an AUC is then right in its fourth digit
ROUTELLM_STEPS = 10  # RouteLLM's evaluation: eleven thresholds
CPT_TARGETS = (0.2, 0.5, 0.8)  # as RouteLLM's evaluation (arXiv 2406.18665)
SAVED_AT_PGR = 0.95  # chosen: what hardly anyone would tell from the cloud alone
GOOD_SCORE = 0.5  # chosen: from here on a score counts as good where 0 or 1 is needed
COST_STEPS = 10  # chosen: rows of the cost table

# Intervals.
LEVEL = 0.95  # of every interval
BOOTSTRAP_ROUNDS = 200  # chosen: percentiles of metrics that take milliseconds each
BAND_ROUNDS = 100  # chosen: of a picture
BAND_QUANTILES = (0.025, 0.975)  # of a picture's 95 %
FLOOR_ROUNDS = 20  # chosen: of simulated outcomes, for their mean
NORMAL_ROUNDS = 500  # chosen: where all rounds are one product of matrices
WILSON_Z = 1.96  # 97.5 % quantile of the normal distribution

# Estimates from logs; more of them in `router.monitor.constants`.
MIN_JUDGED = 20  # chosen: rated answers of a tier; fewer tell nothing of its head
MIN_ANCHORS = 20  # chosen: of a tier; with fewer, how far agreement is off is known to +-.2 at best
CROSS_FOLDS = 5  # chosen: leaves four fifths to learn from
RIDGE_STRENGTH, RIDGE_BIAS_STRENGTH = 10.0, 1e-6  # chosen: outcomes are noise for the most part

# Baselines.
NEIGHBOURS = 40  # chosen: enough for a mean of noisy outcomes
TFIDF_C, MINILM_C = 1.0, 0.3  # scikit-learn's default; chosen: less where vectors are scaled
MINILM_SCALE = 3.0  # chosen: unit vectors would be shrunk to nothing
MAX_ITERATIONS = 500  # chosen: fits end long before; a bound on what does not converge

# Clusters of mistakes.
MISTAKE_GAP = 0.4  # chosen: between score and p_local; a mistake on any labelled scale
ROWS_PER_CLUSTER, MAX_CLUSTERS = 12, 8  # chosen: mistakes that one needs on average; what one reads
CLUSTER_STARTS = 10  # scikit-learn's former default
CLUSTER_WORDS = 5  # chosen: what one reads

# The three acts.
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5)  # chosen: cloud shares at which policies are compared
PRICES = (0.0, 0.003, 0.01, 0.02, 0.03, 0.05)  # chosen: of looking, around the default of 0.02
BISECTIONS = 40  # chosen: a threshold is then exact to 1e-11
