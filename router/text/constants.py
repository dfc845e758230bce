"""The numbers of this package that were chosen by hand.

A fitted model rests on those of the first two parts: changing one means another
`features.SCHEMA`.
"""

# What is read of a request.
SHORT_TURN_CHARS = 60  # chosen: a shorter turn says little alone ("continue", "why?")
EARLIER_TURN_END_CHARS = 400  # chosen: head and tail of a turn that is put in front of a short one
MAX_NESTING = 16  # chosen: blocks within blocks; far more than clients send
# Chosen: texts are cut to head and tail, since the task stands at one of the two ends.
CLIP_HEAD_CHARS, CLIP_TAIL_CHARS = 2000, 1000
MAX_TOKENS = 1024  # chosen: a text so cut has fewer, at four characters each
# Of a turn, what is no person's where nobody named the client (`router.text.harness`).
HARNESS_BLOCK_CHARS = 200  # chosen: a tagged block that is shorter may be a person's example
REPEATED_CHARS = 200  # chosen: nobody types as much a second time
REMINDER_CHARS = 12  # chosen: paragraphs that end the system text too, such as "Reply in English."
OPENING_CHARS = 600  # chosen: an order for a title or a summary stands at the start
# Steps of a tool loop.
RESULT_HEAD_CHARS = 400  # chosen: a result that is an error says so at its start
MIN_OPTIONS = 2  # chosen: one line that begins like an option may be a list of one

# Words and pairs.
BIGRAM_BUCKETS = 1 << 15  # chosen: about as many as the vocabulary has words
SYLLABLE_BUCKETS = 1 << 14  # chosen: pieces of some thousand words of twenty languages
# Chosen: two syllables, or four letters, are about the stem of a word.
SYLLABLES_TOGETHER, LETTERS_TOGETHER = 2, 4
# Chosen: token ids follow frequency, so about a quarter and half of the vocabulary are commoner.
RARE_TOKEN_ID, RARER_TOKEN_ID = 8000, 16000
# What the vocabulary cannot read counts as words of so many characters, each as the usual word of
# the English prompts in data/everyday: share of pieces, digits, signs; rarity; rare, very rare.
WORD_CHARS = 5.0
USUAL_WORD = (0.09, 0.0, 0.0, 7.5, 0.16, 0.065)
USUAL_VARIETY = 0.8  # and this many of them differ
OPTIONS_SCALE = 10  # chosen: options go from A to J
MAX_WORD_CHARS = 100  # `max_input_chars_per_word` of the bundled tokenizer

# Speed.
# Chosen: a long word; what has no spaces is a sentence that hardly comes again.
MAX_FOREIGN_CHARS = 24
CHUNKS_REMEMBERED = 100_000  # chosen: words with their punctuation, some 20 MB at most
FEW_BOUNDS = 9  # chosen: up to eight lists, a plain sum is several times as fast as reduceat
PROGRESS_TEXTS = 1000  # chosen: encoding more of them takes long enough for a progress bar
