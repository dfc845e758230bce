"""The numbers of this package that were chosen by hand."""

Z_LIMIT = 4.0  # chosen: a structure feature further from its mean carries no more information
LEAST_PROBABILITY = 1e-4  # chosen: probabilities are kept from 0 and 1, where logits end
# Of what a whole answer shows, as variance, what its first 120, 240 and 480 characters do, for a
# version that was not taught by beginnings. Chosen: squares of (AUC - .5) over that of the whole
# answer, on judged answers to real requests (.71, .73, .75 and .76).
BEGINNING_SHARES = (0.6, 0.75, 0.9)
LEAST_VARIANCE = 1e-12  # chosen: keeps a division by what never moves from failing
BATCH_REQUESTS = 256  # chosen: keeps a large batch within the cache and its memory flat
# Logits by which the ability of an unmeasured model is off: root mean square over the 19 measured
# ones, each left out (tests/router/registry/test_prior.py).
UNMEASURED_DEVIATION = 0.30
# Logits by which a source of answers like none learned from may be better than is thought: root
# mean square of the levels of four sources, each left out.
STRANGE_DEVIATION = 0.9
# Chosen: open answers were learned from where either the prompt is an exam question, to which a
# plain sentence is no answer, or unknown, when a short answer is mostly one to a long request. How
# much a prompt asks for stands in the prompt, so it is heard a little more: else "Hello! How can I
# help you?" is sent away.
PROMPT_SHARE = 0.55
UNFAMILIAR = 0.5  # chosen: where less than half of a probability is from the answer, it is said
NAMES_REMEMBERED = 1000  # chosen: clients may invent names of models without end
SHOWN_CONTRIBUTIONS = 8  # chosen: what fits on a screen beside the decision
LEAST_SHOWN_LOGITS = 0.005  # chosen: contributions below this are noise to a reader

# Chosen: what a probe may move the ability term by: curvature of a Gaussian prior around the guess
# from the model's size and generation, as in `training.fit.calibrate`; 100 probes weigh about 20.
SHIFT_PRIOR = 2.0

# Dependence of models. Copied shares by kinship, and how many wrong answers known such a guess
# weighs. On real answers to the same questions (`python -m training bench-loop --part dependence`)
# members of a family repeat .00 to .02 more of each other's mistakes than strangers do, two
# fine-tunes by one maker .22. Strangers stand at .03, as names tell little and a verifier errs; the
# strength is low: of 2, 5 and 10 wrong answers 2 was best where .1 to .5 are copied and as good
# where nothing is. A model's own sample: chosen, half of a voice; greedy and sampled answers repeat
# most mistakes.
COPIED_SHARES = {"strangers": 0.03, "one family": 0.05, "one teacher": 0.25, "one model": 0.5}
COPIED_STRENGTH = 2.0
COPIED_GRID, LEAST_COPIED = 80, 1e-4  # chosen: steps of the share, from fine to coarse
LEAST_ADDED = 1e-6  # chosen: logits; less is nothing
