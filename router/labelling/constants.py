"""The numbers of this package that were chosen by hand."""

# Which requests to ask about.
NEAR_GAIN = 0.15  # chosen: gains this far from the threshold are decided either way
# Chosen: so many are asked about before those that resemble them; more than a night's budget.
MOST_APART = 500
# Chosen: of a long log, so many that promise most are read and compared; hours of asking.
CONSIDERED = 2000
KINDS_READ = 2000  # chosen: opinions that tell of which kinds there are labels enough
ENOUGH_OF_KIND = 50  # chosen: labels of a kind after which one more is worth less
EXPLORED_WORTH = 2.0  # chosen: there a label tells of both tiers
# Chosen: a page, as much as asking takes in itself; and reading costs so much of writing.
USUAL_CHARS, READ_SHARE = 1000, 0.1
TOKEN_CHARS = 4.0  # of English, as every provider's rule of thumb has it

# Second opinions.
QUIET_S = 60.0  # chosen: a gateway that served nothing for so long is idle
LOOK_AGAIN_S = 5.0  # chosen: while it is not
GIVE_UP_FAILURES = 5  # chosen: failures one after another
# Chosen: where the request set no limit. Longer than nearly every answer, and it ends a small model
# that would ramble until its window is full.
OPINION_TOKENS = 2048

# The judge.
VERDICT_TOKENS = 60  # chosen: room for two words in JSON, and a preface
ANSWER_CHARS = 6000  # chosen: of each answer, what bounds the price of a verdict
