"""The numbers of this package that were chosen by hand."""

# Chosen: requests of a log from which on it is read in pieces where no engine is named. With 11,000
# in memory `learn` stays below 500 MB, half of which are its libraries.
MEMORY_REQUESTS = 10_000
UNIT_ROWS = 50_000  # chosen: rows of one piece of work; seconds, so little is lost with a process
LOG_ROWS = 8192  # chosen: requests of a log in one piece; features and columns, some 50 MB
FRAME_ROWS = 4096  # chosen: rows in memory as text at a time, some 5 MB; fewer take longer
RAY_PROCESSES = 2  # chosen: of a new Ray; more have to be asked for, as each takes its memory
CHUNKS = 16  # chosen: shares of the pieces that are summed alone, so that 16 processes have work
# Chosen: what passes through Ray's store are summaries and gradients, a megabyte each.
STORE_BYTES = 100 * 2**20
KNOCK_S = 5.0  # chosen: a cluster that does not take a connection by then is not there
