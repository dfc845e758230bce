"""The numbers of this package that were chosen by hand.

A fitted verifier rests on all of them: changing one means another `verifier.SCHEMA`.
"""

# How much of an answer is read. Longer ones are cut to head and tail: the final answer, the form
# and the calculations are looked for in the first pair of lengths; words, numbers and names in the
# second. Chosen: an answer says what it is about at its start and what it comes to at its end.
HEAD_CHARS, TAIL_CHARS = 3000, 2000
WORDS_HEAD_CHARS, WORDS_TAIL_CHARS = 400, 400
# Chosen: about the last two sentences, where an answer says what it comes to.
CONCLUSION_TOKENS, CONCLUSION_CHARS = 48, 240
# Chosen: refusals open or close an answer.
REFUSAL_HEAD_CHARS, REFUSAL_TAIL_CHARS = 300, 160

# Final answers.
MAX_FINAL_CHARS = 20_000  # chosen: bounds the time that reading one answer can take
MAX_LITERAL_DEPTH = 32  # chosen: far deeper than answers nest, far from Python's own limit
MAX_CALLS = 50  # chosen: more calls in one answer are a loop of the model's
SHORT_CHARS, SHORT_WORDS = 80, 12  # chosen: what is longer is a sentence
PHRASE_WORDS = 4  # chosen: of a text without a mark, more words are a sentence
SAID_CHARS, SAID_WORDS = 300, 6  # chosen: "the answer is" stands at an end, and few words follow
# Chosen: in a sentence or two another's short answer may be looked for; in more it is chance.
SENTENCE_CHARS = 200
LAST_NUMBER_CHARS = 200  # chosen: the last sentence or two
MAX_QUANTITY_CHARS, MAX_UNIT_WORDS = 80, 3  # chosen: a number with its unit is no longer

# Tools offered, and what is called.
# Chosen: twice the largest definitions met in the wild; no schema takes longer to copy.
MAX_SCHEMA_PARTS, MAX_SCHEMA_DEPTH = 400, 24
SCHEMAS_REMEMBERED = 512  # chosen: a few agents with all of their tools
# Chosen: parts of the schema times values of the call, some 0.1 s; beyond, only names are checked.
MAX_COMPARISONS = 10_000
MAX_FITTED_TOOLS = 64  # chosen: what more tools say would cost over 5 ms when first met
# Level, and weights of a fit's words and meaning: a logistic regression on a thousand requests,
# each beside its own tools and beside those of another.
NOTHING_FITS = (7.9, -8.6, -13.6)
MAX_FAULTS = 20  # chosen: a call with so many faults is no better for one more

# Statistics of an answer.
MAX_CALCULATIONS = 40  # chosen: enough to see whether an answer calculates well
VERY_SHORT_CHARS, VERY_LONG_CHARS = 20, 1500  # chosen: a word or two; about a page
COMPLETE_CHARS = 200  # chosen: a shorter text may well end without a mark
SENTENCE_LINE_CHARS = 60  # chosen: a shorter last line may be a name or a heading
MAX_CODE_CHARS, MAX_PROGRAM_NAMES = 3000, 100  # chosen: about what is read of an answer anyway
CODE_LINE_CHARS = 20  # chosen: code has a line break every so many characters
LARGEST_NUMBER = 1e9  # chosen: beyond, the size of a number says nothing more
LOWEST_MEAN_LOGPROB, LOWEST_LOGPROB = -10, -20  # chosen: an outlier shall not outweigh the rest

# The verifier.
# Lengths of the beginnings at which a stream is judged, in characters. Chosen: on judged answers
# to real requests the first 120 have an AUC of .71, 240 .73, 480 .75, the whole answer .76.
MARKS = (120, 240, 480)
MAX_OPINIONS = 2  # chosen: three votes are the fewest of which two can outvote one
# Familiarity: rows of a kind that make it known, and times the usual squared distance up to which
# an answer is like those learned from. Chosen: a kind that a source has by accident is not known
# from it, and of a fit's own answers one in a hundred is beyond.
SUPPORT, FAR = 300.0, 3.0
LEAST_RELIABLE = 0.05  # chosen: a label that hardly counts, rather than none
Z_LIMIT = 4.0  # chosen: a feature further from its mean carries no more information
# Chosen: how alike free texts are. None of the three says it alone (texts on one topic have much
# meaning in common and may contradict each other).
CONTENT_SHARES = {"meaning": 0.5, "words": 0.3, "conclusion": 0.2}
