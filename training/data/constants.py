"""The numbers of this package that were chosen by hand."""

# Conversations that are made of single outcomes.
CHATS, TASKS = 2000, 600  # chosen: enough to tell that a weight is near 0, or is not
EARLIER_TURNS = (1, 1, 2, 3, 5, 10)  # chosen: pairs of turns, few oftener than many
# Chosen: with eight rounds hardly a task is done by a small local model; more says no more.
TOOL_ROUNDS = (1, 1, 2, 2, 3, 4, 6, 8)

# Requests beside tools that were offered for others.
FOREIGN_ANSWERS = 4  # chosen: enough that two opinions differ
GROUNDED_SHARE = 0.5  # chosen: of wrong calls; models that call too much do either

# A log.
# Chosen: of the requests that nobody said a word of, a fit takes so many; each row of it is 16 kB.
MOST_SILENT = 20_000
