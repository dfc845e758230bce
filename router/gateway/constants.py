"""The numbers of this package that were chosen by hand."""

# What ratings in words say of an answer, 0..1. Chosen: who corrects an answer could use some of it.
RATINGS = {"good": 1.0, "bad": 0.0, "up": 1.0, "down": 0.0, "corrected": 0.2}
MAX_SOURCE_CHARS = 32  # chosen: a name of who gave feedback, no text

# Chosen: whose API is answered where the local server is no Ollama; clients ask before they use it.
OLLAMA_VERSION = "0.12.6"

# The process.
BACKLOG = 2048  # uvicorn's own default
MAX_HEAD_BYTES = 65_536  # chosen: h11's limit, which uvicorn has with the other parser
HOSTS_REMEMBERED = 64  # chosen: names that clients have for this machine
HEAD_S = 60.0  # chosen: nginx's client_header_timeout
# Chosen: nginx's keepalive_timeout. Longer than clients keep idle connections (aiohttp 15 s, httpx
# and Node 5 s): whoever closes must be the one who asks, else a request meets the closing.
IDLE_S = 75
DRAIN_S = 30  # chosen: what Kubernetes gives a process to end
# Chosen: a pause of half a millisecond every hundred requests; with 20,000 it is two and more, with
# Python's own 700 every other request has one.
GC_THRESHOLDS = (5_000, 20, 100)
LARGE_BLOCK_BYTES = 2**20  # chosen: a call of the system for each costs nothing beside filling it
SWITCH_S = 0.0005  # chosen: the log's thread gets its turn within a fraction of a millisecond
# Chosen: from a decision alone to the longest of answers.
LATENCY_BUCKETS_S = (0.005, 0.02, 0.1, 0.3, 1, 3, 10, 30, 100, 300)

# The supervisor of several workers.
# The variable that names the folder of their counts; prometheus_client reads it on its import.
COUNTS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
STEADY_S = 60.0  # chosen: a worker that lived so long is started again at once
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0  # chosen: before a worker that died young
COUNTS_S = 1.0  # chosen: how old what one worker says of another may be
KILL_S = DRAIN_S + 15.0  # chosen: to drain requests, and then the journal

# The doctor.
ENOUGH_CONTEXT_TOKENS = 16_384  # chosen: below, tools such as coding agents hardly ever fit
CLOUD_CHECK_S = 10.0  # chosen: a person waits for it
MODELS_CHECK_S = 6.0  # chosen: S3 takes one with the import of its package; a gateway waits longer

# The embedded model.
EMBEDDED_CONTEXT_TOKENS = 8192  # what SmolLM2-135M-Instruct was trained for
EMBEDDED_AT_ONCE = 2  # chosen: each answer has half of the context
EMBEDDED_VERBOSITY = 0  # llama.cpp tells nothing but errors; at 3, its default, every request

# The page.
PAGES_OPEN = 32  # chosen: streams of events; each browser tab has one
PAGE_BEAT_S = 15.0  # chosen: proxies and browsers close what is silent for longer
PAGE_GATHER_S = 0.2  # chosen: requests that end together are one event
PAGE_REST = 20.0  # chosen: a twentieth of one core at most goes into each question
PAGE_PATIENCE_S = 0.3  # chosen: a page that waits for a sum shows all else meanwhile
PAGE_THREADS = 2  # chosen: looks at the log at once
PAGE_COUNTS_S = 0.2  # chosen: on a short log, sums are as young as the last event
PAGE_FILES_S = 5.0  # chosen: manifests of versions are files
PAGE_CURVE_S = 30.0  # chosen: the curve moves with hundreds of requests
PAGE_DAYS = 30  # chosen: what the page calls a month; bills are much alike
PAGE_DECISIONS = 50  # chosen: what one scrolls through
PAGE_CHOICES = 10_000  # chosen: requests that the curve rests on; a second of one core
PAGE_SNIPPET_CHARS = 160  # chosen: two lines
PAGE_TEXTS = 1000  # chosen: beginnings that are remembered, 160 characters each
