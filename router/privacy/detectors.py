"""Everything that can be found in one text."""

import re
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Protocol

from router.errors import ConfigError, MissingExtra
from router.privacy.constants import PRESIDIO_SCORE
from router.privacy.credentials import credentials
from router.privacy.found import Found
from router.privacy.personal import personal
from router.privacy.views import views

_DIGIT = re.compile(r"[0-9]")  # no address is without


class Detector(Protocol):
    """Says which private content a text holds."""

    def __call__(self, text: str) -> Iterator[Found]:
        """What it holds, by kinds such as `email`; a value may come more than once."""
        ...


class Builtin:
    """Credentials and personal data, in any of the text's disguises.

    `regions`: countries whose phone numbers count without a country code. `public`: what is not
    private wherever it stands, such as an address in every system prompt.
    """

    def __init__(self, regions: Sequence[str] = ("US",), public: Sequence[str] = ()) -> None:
        self._regions, self._public = tuple(regions), tuple(public)

    def __call__(self, text: str) -> Iterator[Found]:
        """See `Detector`."""
        for known in self._public:
            text = text.replace(known, " ")
        for view in views(text):
            yield from credentials(view, view.lower())
            yield from personal(view, self._regions)


class People:
    """Postal addresses, and names of people, in any of the text's disguises; the tagger's word."""

    def __init__(
        self, names: bool = False, addresses: bool = True, public: Sequence[str] = ()
    ) -> None:
        self._names, self._addresses, self._public = names, addresses, tuple(public)

    def __call__(self, text: str) -> Iterator[Found]:
        """See `Detector`."""
        if not self._names and _DIGIT.search(text) is None:
            return
        from router.privacy.people import people  # here, as it brings arrays along

        for known in self._public:
            text = text.replace(known, " ")
        for view in views(text):
            yield from people(view, self._names, self._addresses)


class Own:
    """The user's own patterns (regular expressions) and words (whole, in any case)."""

    def __init__(self, patterns: Sequence[str] = (), words: Sequence[str] = ()) -> None:
        self._patterns = []
        for position, pattern in enumerate(patterns):
            try:
                self._patterns.append(re.compile(pattern))
            except re.error as error:
                raise ConfigError(
                    f"Pattern {position} of private_patterns is no regular expression: {error}."
                ) from error
        self._words = None
        if kept := sorted({w.strip() for w in words if w.strip()}, key=len, reverse=True):
            any_of = "|".join(re.escape(w) for w in kept)
            self._words = re.compile(rf"(?<!\w)(?:{any_of})(?!\w)", re.IGNORECASE)

    def __call__(self, text: str) -> Iterator[Found]:
        """See `Detector`."""
        if not self._patterns and self._words is None:
            return
        for view in views(text):
            if self._words is not None:
                yield from (Found("own-word", m[0]) for m in self._words.finditer(view))
            for pattern in self._patterns:
                yield from (Found("own-pattern", m[0] or None) for m in pattern.finditer(view))


# What any question on geography, politics or news holds as well.
_PUBLIC = ("DATE_TIME", "URL", "LOCATION", "NRP", "ORGANIZATION")


class Presidio:
    """Names of people and more by Microsoft Presidio with a spaCy model that is installed.

    Nothing is fetched: the model must be a package, and the check of web suffixes uses the list
    that comes along. Raises MissingExtra or ConfigError.
    """

    def __init__(self, model: str, threshold: float = PRESIDIO_SCORE) -> None:
        try:  # here, as they bring spaCy and need not be installed
            import tldextract
            from presidio_analyzer import AnalyzerEngine
            from presidio_analyzer.nlp_engine import NlpEngineProvider
        except ImportError as error:
            raise MissingExtra("presidio-analyzer", "presidio") from error
        if find_spec(model) is None:
            raise ConfigError(
                f"presidio_model names {model!r}, which is not installed; install its package."
            )
        # Without this it would look for a newer list of suffixes on the web.
        tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
        nlp = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": model}]}
        self._engine = AnalyzerEngine(
            nlp_engine=NlpEngineProvider(nlp_configuration=nlp).create_engine(),
            supported_languages=["en"],
        )
        self._threshold = threshold

    def __call__(self, text: str) -> Iterator[Found]:
        """See `Detector`."""
        for result in self._engine.analyze(text=text, language="en"):
            if result.score >= self._threshold and result.entity_type not in _PUBLIC:
                kind = f"presidio:{result.entity_type.lower()}"
                yield Found(kind, text[result.start : result.end])
