"""The numbers of this package that were chosen by hand; gates have theirs in `registry.gates`."""

# The test of calibration.
ALPHA = 0.01  # chosen: chance that a model as calibrated as promised is ever called broken
TOLERANCE = 0.05  # chosen: calibration error that is put up with
# Chosen: shares of the wealth staked; one gambler each, on either side.
BETS = (0.05, 0.1, 0.2, 0.4)

# Drift.
WINDOW = 200  # chosen: requests that are set beside the traffic learned from

# Work that repeats.
LOOK_S, SHADOW_S = 60.0, 2.0  # chosen: between two looks at the log, and two groups in shadow
PROBE_S = 1.0  # chosen: between two probes of an unmeasured model
IDLE_S = 30.0  # chosen: a gateway that was asked nothing for so long may measure its model
SELF_PROBES = 60  # chosen: of every kind some, and minutes on a small machine
WAITING_REQUESTS = 2000  # chosen: that wait for the shadow; beyond, the oldest are left out
SHADOW_GROUP = 64  # chosen: decided at once, some milliseconds
