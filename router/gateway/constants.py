"""The numbers of this package that were chosen by hand."""

# What ratings in words say of an answer, 0..1. Chosen: who corrects an answer could use some of it.
RATINGS = {"good": 1.0, "bad": 0.0, "up": 1.0, "down": 0.0, "corrected": 0.2}
MAX_SOURCE_CHARS = 32  # chosen: a name of who gave feedback, no text

# Chosen: whose API is answered where the local server is no Ollama; clients ask before they use it.
OLLAMA_VERSION = "0.12.6"

# The process.
BACKLOG = 2048  # uvicorn's own default
MAX_HEAD_BYTES = 65_536  # chosen: h11's limit, which uvicorn has with the other parser
HEAD_S = 60.0  # chosen: nginx's client_header_timeout
DRAIN_S = 30  # chosen: what Kubernetes gives a process to end
GC_THRESHOLDS = (20_000, 20, 100)  # chosen: fewer pauses; a request makes objects by the thousand
SWITCH_S = 0.0005  # chosen: the log's thread gets its turn within a fraction of a millisecond
# Chosen: from a decision alone to the longest of answers.
LATENCY_BUCKETS_S = (0.005, 0.02, 0.1, 0.3, 1, 3, 10, 30, 100, 300)

# The doctor.
ENOUGH_CONTEXT_TOKENS = 16_384  # chosen: below, tools such as coding agents hardly ever fit
CLOUD_CHECK_S = 10.0  # chosen: a person waits for it

# The embedded model.
EMBEDDED_CONTEXT_TOKENS = 8192  # what SmolLM2-135M-Instruct was trained for
EMBEDDED_AT_ONCE = 2  # chosen: each answer has half of the context
EMBEDDED_VERBOSITY = 0  # llama.cpp tells nothing but errors; at 3, its default, every request
