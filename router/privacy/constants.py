"""The numbers of this package that were chosen by hand."""

MAX_ENCODINGS = 3  # chosen: encodings within encodings; each costs another pass over the text
READABLE_SHARE = 0.9  # chosen: of decoded characters; what is no text has fewer
MAX_NESTING = 64  # chosen: a request nested deeper is refused, far from Python's own limit
LARGEST_HARMLESS_NUMBER = 9_999_999  # chosen: bare numbers are looked at from eight digits
PRESIDIO_SCORE = 0.6  # chosen: names that spaCy finds have 0.85, weak patterns less
TURNS_REMEMBERED = 20_000  # chosen: hashes of turns; each is sent again with the next one
