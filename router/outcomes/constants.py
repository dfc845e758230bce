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
# Chosen: how soon rows of a worker that died are in the database, if others run beside it; to look
# for them is to list a folder.
ORPHANS_S = 5.0
CLOSE_S = 10.0  # chosen: what is not drained by then waits for the next start

# Chosen: how long a command waits for a log that another program holds; a million rows are brought
# to the newest form in half a minute.
LOCKED_S = 600.0

# The account, and what a person looks at.
ACCOUNT_S = 1.0  # chosen: how long what others spent may go unnoticed before a call is planned
PARSED_CHARS = 1_000_000  # chosen: of a request, read to show its words
SHOWN_CHARS = 20_000  # chosen: of a request or an answer, what a person scrolls through
PARAMETERS = 500  # chosen: of one statement; SQLite takes 32,766

# What several gateways share.
LEASE_S = 30.0  # chosen: after a holder died, another one begins so late
SHARE_GATHER_S = 0.02  # chosen: what is remembered within so long is one commit
SHARE_WAIT_S = 0.25  # chosen: most that a request waits to hear what others remember
# Chosen: between two looks at what others remember, and how far back each looks, since a commit may
# come later than one that began after it.
SHARE_PULL_S, SHARE_OVERLAP_S = 1.0, 3.0
SHARE_MOST = 10_000  # chosen: that wait to be written, or are read at once; some MB
SHARE_KEPT_S = 7 * 86_400.0  # chosen: conversations are gone on with within days
SHARE_PRUNE_S = 600.0  # chosen
# Chosen: how long whoever asks for a decision waits that another gateway made just now, and how
# often it is looked for.
ARRIVAL_S, ARRIVAL_LOOK_S = 2.0, 0.05

# Reading a long log: rows in memory at once.
HEADERS = 4096  # chosen: of kept arrays, remembered as they were read; half a megabyte
PIECE_ROWS = 500  # chosen: some megabytes with all words
WORDS_ROWS = 50  # chosen: an agent's request is some hundred kilobytes, and more once it is parsed
NUMBERS_ROWS = 10_000  # chosen: a megabyte
# Chosen: of what was said last, looked through for one version's: a tenth of a second.
SAID_ROWS = 100_000
