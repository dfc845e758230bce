"""The numbers of this package that were chosen by hand; gates have theirs in `registry.gates`."""

# The test of calibration, chosen together by simulation (`python -m training bench-loop`, part
# `watch`): a model .15 worse is noticed within 150 labels on average, at any age of the log.
TOLERANCE = 0.02  # calibration error that is put up with
SHIFTS = (0.07, 0.15)  # errors that gamblers bet on, on either side
WORSE_SHARE = 2 / 3  # of their wealth, of those who bet that answers are worse than promised
LIMIT = 12_000.0  # evidence for an alarm, and labels between two false ones, at least
MOST_STAKED = 0.95  # chosen: of the wealth on one label, so that no label ruins anybody
EDGE = 0.02  # chosen: no probability is held to be surer, or one label could decide
# Chosen: what was said last, some months of it. A break is noticed within 150 labels, and what was
# said before it was looked at then.
FRESH_LABELS = 5000
GAMMA = 5.0  # chosen: volunteers may rate good answers so many times more or less likely than bad
# Chosen: ratings of one key without a longer pause are one act, and so are one key's requests of
# so short a time.
SITTING_S = 300.0

# Drift.
WINDOW = 200  # chosen: requests that are set beside the traffic learned from
SESSION_PAUSE_S = 1800.0  # chosen: whoever comes back after half an hour begins anew
SESSION_MOST = 25  # chosen: of a longer session, as of one that never ends, each part counts
NEW_REQUESTS = 1000  # chosen: fewer learned from do not tell what usual topics are
FEWEST_SESSIONS = 5  # chosen: fewer in a window tell nothing about other days
# One-sided chance of 1 in 4,000; both alarms together are meant to stay below 1 in 1,000.
RARE_Z = 3.48
PRIVATE_KIND = "private content"  # what is not known of a request without words
NEW_SHARE = 0.1  # chosen: growth of a kind's share that is worth a word

# Work that repeats.
LOOK_S, SHADOW_S = 60.0, 2.0  # chosen: between two looks at the log, and two groups in shadow
# Between two looks at an MLflow server or a models folder at an address, and most that an answer of
# MLflow may take: what is champion there serves everywhere within ten seconds.
FOLLOW_S = 4.0
PROBE_S = 1.0  # chosen: between two probes of an unmeasured model
IDLE_S = 30.0  # chosen: a gateway that was asked nothing for so long may measure its model
SELF_PROBES = 60  # chosen: of every kind some, and minutes on a small machine
WAITING_REQUESTS = 2000  # chosen: that wait for the shadow; beyond, the oldest are left out
SHADOW_GROUP = 64  # chosen: decided at once, some milliseconds

ANSWERS_TIMED = 2000  # chosen: answers that quantiles of latency rest on, twenty beyond the 99th

# The glance of `router top`.
BARS = 30  # chosen: two minutes each, as wide as half a terminal
BARS_SPAN_S = 3600.0
SAVED_SPAN_S = 30 * 86_400.0  # as `router savings`

# Estimates from logs, here and in training.
MIN_EFFECTIVE_ROWS = 50.0  # chosen: below, no estimate is worth its interval
MIN_EXPLORED_ROWS = 10  # chosen: of those that a policy would send elsewhere; below, all is model
# Chosen by simulation: outcomes of 0 or 1 that few rows did not show, as so many rows that came out
# half. At ten rows a bootstrap covers .69 to .88, with these .97; at a hundred both cover .95.
UNSEEN_ROWS = 2.0
WIDEST = 0.5  # chosen: bounds that are further apart say nothing that one would act on

# The page's curve.
CURVE_STEPS = 40  # chosen: thresholds that a slider stops at
CURVE_BINS = 10  # chosen: bars of a reliability diagram that a person reads
MIN_FREEDOM = 3.0  # chosen: degrees below which the series of Student's quantile is off by over 1 %
FEW_LABELS = 20  # chosen: with fewer, that nothing was found wrong says nothing
