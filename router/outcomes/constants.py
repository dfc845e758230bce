"""The numbers of this package that were chosen by hand."""

# The journal. Chosen: a segment holds some thousands of rows without words, and an idle gateway's
# room on the disk is nothing to worry about.
SEGMENT_BYTES = 4 * 2**20
HEADROOM_BYTES = 2**20  # chosen: set aside for what is under way when a request is let in
SEGMENT_S = 60.0  # chosen: how long drained rows, and words that were deleted since, stay in a file
PIECE_BYTES = 2**20  # read at once while draining
SYNC_S = 1.0  # what "second" promises

# The writer.
AT_ONCE = 32  # rows in one statement; SQLite keeps as many prepared
# Chosen: rows of so long share a commit; to wake a thread and sync a file for each costs more than
# to insert it.
GATHER_S = 0.2
LATE_S = 10.0  # chosen: behind for longer, nobody is kept waiting for what needs the database
RETRY_S = 1.0  # chosen: between two tries while the database takes nothing
CLOSE_S = 10.0  # chosen: what is not drained by then waits for the next start
