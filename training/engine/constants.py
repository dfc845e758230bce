"""The numbers of this package that were chosen by hand."""

UNIT_ROWS = 50_000  # chosen: rows of one piece of work; seconds, so little is lost with a process
FRAME_ROWS = 4096  # chosen: rows in memory as text at a time, some 5 MB; fewer take longer
CHUNKS = 16  # chosen: shares of the pieces that are summed alone, so that 16 processes have work
# Chosen: what passes through Ray's store are summaries and gradients, a megabyte each.
STORE_BYTES = 100 * 2**20
KNOCK_S = 5.0  # chosen: a cluster that does not take a connection by then is not there
