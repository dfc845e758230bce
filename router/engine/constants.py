"""The numbers of this package that were chosen by hand."""

# How many tokens a request has for a local model, rather too many than too few.
LETTERS_PER_TOKEN = 4  # chosen: Anthropic's rule of thumb; see `router.prices`
MOST_BYTES_PER_TOKEN = 16  # chosen: hardly any text has more
IMAGE_TOKENS = 1000  # chosen: rather too many
MESSAGE_TOKENS = 8  # chosen: role and separators of the chat template

# Looking at a local answer.
STREAM_HEAD_CHARS = 160  # chosen: of a stream that opens like a refusal, read before it is sent on
STREAM_OPENER_CHARS = 16  # chosen: these tell whether it does
REFUSAL_CHARS = 400  # chosen: an answer that goes on for longer has more to say than no
# Mean log-probability of a token (natural logarithm) below which a model only guesses. Chosen:
# sampled text of small models lies between -0.2 and -1.5.
UNSURE_LOGPROB = -2.5
# How fast a local model is taken to write that has not streamed yet, in characters a second.
# Chosen: 30 tokens of 4, as models of 8 billion parameters have on a laptop.
CHARS_PER_S = 120.0
LEAST_TIMED_CHARS = 100  # chosen: shorter answers tell more of the network than of the model
PACE_WEIGHT = 0.2  # chosen: of the latest stream in the mean, so that some five count
SECOND_TEMPERATURE = 0.8  # chosen: at which one model gives a second opinion of its own

# Exploration near the cut, in times of the probability that is set. Chosen: what is far is still
# tried, as no estimate can speak of what never was.
EXPLORED_AT_CUT, EXPLORED_FAR = 3.0, 0.25

# Bounds.
LONG_REQUEST_BYTES = 4_000  # chosen: what is full of numbers takes almost 1 ms for each 1,000
CONVERSATIONS_REMEMBERED = 10_000  # chosen: some MB
SIGNATURES_REMEMBERED = 50_000  # chosen: some MB of hashes
# Chosen: how long ago a decision may have been made that is not in the database yet, while another
# gateway drains it.
YOUNG_S = 10.0
MAX_HEADER_CHARS = 400  # chosen: a reason fits, and no proxy refuses it

# A tool loop fails on the local tier when so much of it goes wrong in a row. Chosen: an agent's
# tests fail once or twice while it works on them, and a call is retried once.
LOOP_FAILED, LOOP_REPEATS, LOOP_MALFORMED = 3, 2, 2
LOOP_DOUBTS = 2  # chosen: moving a loop costs its cache, so one doubt is not enough

# The cloud's prompt cache.
CACHE_LIVES_S = 300.0  # Anthropic's default, from the last use on
# Share of a prefix's cost that leaving the cloud loses. Chosen: of two conversations that leave one
# comes back, and one in five of these after the prefix has gone.
PREFIX_LOST = 0.1
PREAMBLE_ANSWERS = 20  # chosen: so many of the last answers tell how long the next will be
OUTPUT_LIKE = 2  # chosen: answers of its own after which a conversation tells more than its like
