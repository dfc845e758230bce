"""The numbers of this package that were chosen by hand."""

# What Ollama serves a model with unless told otherwise (its FAQ, "context window size").
OLLAMA_CONTEXT_TOKENS = 4096

# How long a backend may take.
DISCOVERY_S = 3.0  # chosen: a server on this machine or network answers such questions at once
CONNECT_S = 5.0  # chosen: TCP's first retries, after 1 s and 3 s, fit in
FIRST_TOKEN_S = 120.0  # chosen: a local model may have to be loaded and to read a long prompt
BETWEEN_TOKENS_S = 60.0  # chosen: a stream that is silent for longer has died
WHOLE_S = 600.0  # chosen: the default of Anthropic's and OpenAI's clients
KEEPALIVE_S = 30.0  # chosen: spares a conversation's next turn the handshake

# How hard a backend is tried; see `resilience.Limits`.
RETRIES = 2  # chosen: the default of Anthropic's and OpenAI's clients
BACKOFF_S, LONGEST_WAIT_S = 0.5, 20.0  # chosen: who waits for longer would rather be told
LONGEST_RETRY_AFTER_S = 86_400.0  # chosen: who asks for more has no number to give
RETRY_JITTER_S = 0.1  # chosen: those told to come back at one time shall not come all at once
BREAKER_FAILURES = 5  # chosen: more than a hiccup
COOL_OFF_S, LONGEST_COOL_OFF_S = 10.0, 120.0  # chosen: about a restart, then ever rarer
AT_ONCE, QUEUE = 64, 256  # chosen: more than one machine answers at a time
BUSY_RETRY_S = 1  # chosen: what a client is told to wait when the queue is full

# Connections.
MAX_CONNECTIONS = 2000  # chosen: streams are held open; far above what is answered at once
ADDRESSES_REMEMBERED = 256  # chosen: there is a handful, parsed once
# Chosen: of one answer or stream; a million tokens of text have a tenth of it.
MAX_ANSWER_BYTES = 64 * 2**20
MAX_ERROR_CHARS = 300  # chosen: of a backend's own words, what a person reads
