"""The numbers of this package that were chosen by hand."""

MAX_ENCODINGS = 3  # chosen: encodings within encodings; each costs another pass over the text
READABLE_SHARE = 0.9  # chosen: of decoded characters; what is no text has fewer
MAX_NESTING = 64  # chosen: a request nested deeper is refused, far from Python's own limit
LARGEST_HARMLESS_NUMBER = 9_999_999  # chosen: bare numbers are looked at from eight digits
PRESIDIO_SCORE = 0.6  # chosen: names that spaCy finds have 0.85, weak patterns less
TURNS_REMEMBERED = 20_000  # chosen: hashes of turns; each is sent again with the next one
PEOPLE_BUCKETS = 16_384  # chosen: hashed features of the tagger; 0.7 MB on disk
PEOPLE_REACH = 3  # chosen: neighbours on either side that say something of a token
# In logits, what each token of an address must bring. Chosen with the cuts, see
# `training.fit.constants`: without it a long list of things and numbers outweighs a short address.
ADDRESS_PRICE = 1.5
TOKENS_KNOWN = 50_000  # chosen: tokens whose features are kept; a language has fewer in common use
ADDRESS_BEFORE, ADDRESS_AFTER = 80, 48  # chosen: characters around a number that an address spans
SHORTEST_CODE = 24  # chosen: characters of an id, in which no address is looked for; a hash has 32
CODE_AROUND = 64  # chosen: characters beside a span in which the rest of an id is looked for
LEAST_PART = 5  # chosen: characters of a value; fewer tell hardly anything, and occur anywhere
LONGEST_STAND_IN = 48  # chosen: characters that a stream may hold back; the longest has half of it
TURNS_JOINED = 6  # chosen: the user's last turns over which a value may be spread
TURN_END = 48  # chosen: characters of a turn's beginning and end; no value is longer
MOST_NUMBERS = 7  # chosen: in an address; a Japanese one with postcode, block and flat has six
