"""What the privacy filter finds and misses: python -m tests.privacy_recall [--seed N] [--each N].

Values and sentences are drawn anew by the seed. Recall stands by kind, with the weakest locale;
false alarms by source of prompts. `--data` adds the code and mathematics of measured outcomes.
"""

import argparse
from pathlib import Path
from random import Random

from router.privacy import PrivacyFilter
from router.privacy.detectors import Builtin, People
from tests.privacy_recall.measure import Kinds, Share, alarms, recall, together
from tests.privacy_recall.ordinary import everyday, exams, made


def main() -> None:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--each", type=int, default=100, help="values a kind and locale")
    parser.add_argument("--made", type=int, default=20_000, help="lines with numbers of work")
    parser.add_argument("--names", action="store_true", help="with private_names = true")
    parser.add_argument("--data", type=Path, help="folder of *.prompts.parquet")
    parser.add_argument("--show", type=int, default=0, help="how many misses to print")
    options = parser.parse_args()
    kinds = PrivacyFilter([Builtin(), People(names=options.names)]).kinds
    _recalls(kinds, options)
    _alarms(kinds, options)


def _recalls(kinds: Kinds, options: argparse.Namespace) -> None:
    print("kind        recall  interval     weakest locale   locales below .97")
    for kind, by_locale in recall(kinds, options.seed, options.each).items():
        whole = together(by_locale.values())
        weakest = min(by_locale, key=lambda name: by_locale[name].share)
        below = [f"{n} {s.share:.2f}" for n, s in by_locale.items() if s.share < 0.97]
        low, high = whole.interval()
        print(
            f"{kind:<11} {whole.share:.3f}  {low:.3f}-{high:.3f}  "
            f"{weakest} {by_locale[weakest].share:.2f}       {', '.join(below)}"
        )
        _show(whole, options.show, options.seed)


def _alarms(kinds: Kinds, options: argparse.Namespace) -> None:
    rng = Random(options.seed)
    sources = {"everyday": list(everyday())}
    if options.data:
        sources |= exams(options.data)
    sources["numbers of work"] = [made(rng) for _ in range(options.made)]
    print("\nfalse alarms       of     per 1,000  interval     kinds")
    for name, prompts in sources.items():
        share, counted = alarms(kinds, prompts)
        low, high = share.interval()
        print(
            f"{name:<16} {share.found:>3} {share.of:>6}  {1000 * share.share:.2f}  "
            f"{1000 * low:.2f}-{1000 * high:.2f}   {dict(counted)}"
        )
        _show(share, options.show, options.seed)


def _show(share: Share, count: int, seed: int) -> None:
    for text in Random(seed).sample(share.others, min(count, len(share.others))):
        print("    " + " ".join(text.split())[:180])


if __name__ == "__main__":
    main()
