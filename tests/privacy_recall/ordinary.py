"""Prompts in which nothing is private: people's everyday ones, exams, code, and numbers of work."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID

from tests import ROOT

_WORDS = ("apples", "users", "rows", "tokens", "bytes", "steps", "requests", "euros", "people")
_HEX = "0123456789abcdef"


def everyday() -> Iterator[str]:
    """The written everyday prompts of the project."""
    for file in sorted((ROOT / "data" / "everyday").glob("*.jsonl")):
        for line in file.read_text().splitlines():
            yield json.loads(line)["prompt"]


def exams(folder: Path) -> dict[str, list[str]]:
    """Code and mathematics among the measured outcomes in `folder`, as far as they are there."""
    import pandas as pd

    out: dict[str, list[str]] = {}
    for file in sorted(folder.glob("*.prompts.parquet")):
        frame = pd.read_parquet(file)
        kind = "mathematics|math|gsm|computer|algebra|statistics|physics|machine_learning"
        mine = frame["category"].str.contains(kind)
        code = frame["category"].str.contains("crux|computer|coding")
        for name, chosen in (("code", code), ("mathematics", mine & ~code)):
            if chosen.any():
                out.setdefault(name, []).extend(frame.loc[chosen, "prompt"])
    return out


def made(rng: Random) -> str:
    """A line with a number of work: a count, date, id, version, order number, price or sum."""
    return rng.choice(_MADE)(rng)


def _count(rng: Random) -> str:
    n = int(10 ** rng.uniform(0, 10))
    written = rng.choice((f"{n}", f"{n:,}", f"{n:_}", f"{n:,}".replace(",", " ")))
    return f"There were {written} {rng.choice(_WORDS)} in the table, how many per day?"


def _date(rng: Random) -> str:
    when = datetime(1990, 1, 1) + timedelta(seconds=rng.randrange(1_400_000_000))
    form = rng.choice(
        (
            "%Y-%m-%d",
            "%d.%m.%Y",
            "%m/%d/%Y",
            "%Y-%m-%dT%H:%M:%S",
            "%Y%m%d",
            "%Y%m%d%H%M%S",
            "%d/%m/%y %H:%M",
            "%Y-%m-%d %H:%M:%S.%f",
            "%d %b %Y",
            "%Y年%m月%d日",
        )
    )
    return rng.choice(
        ("Since {}, please sort.", "call me after {}", "deadline {}", "{} ERROR")
    ).format(when.strftime(form))


def _stamp(rng: Random) -> str:
    seconds = rng.randrange(1_000_000_000, 1_900_000_000)
    return f"ts={rng.choice((seconds, seconds * 1000 + rng.randrange(1000)))} level=info"


def _id(rng: Random) -> str:
    hexed = "".join(rng.choices(_HEX, k=rng.choice((7, 12, 24, 32, 40, 64))))
    choices = (hexed, str(UUID(int=rng.getrandbits(128))), str(rng.getrandbits(63)))
    return f"What does commit {rng.choice(choices)} change?"


def _version(rng: Random) -> str:
    a, b, c = (rng.randrange(40) for _ in range(3))
    tail = rng.choice(("", "-rc.1", f"+build.{rng.randrange(9999)}", f".{rng.randrange(99999)}"))
    return f"Upgrade from {a}.{b}.{c}{tail} to {a + 1}.0.0, what breaks?"


def _order(rng: Random) -> str:
    digits = "".join(rng.choices("0123456789", k=17))
    forms = (
        digits[: rng.randint(5, 10)],
        f"{digits[:3]}-{digits[3:10]}-{digits[10:]}",
        f"INV-2025-{digits[:5]}",
        f"45{digits[:8]}",
        f"1Z{digits[:3]}AA1{digits[3:12]}",
    )
    return rng.choice(
        (
            "My order {} is late, write a complaint.",
            "Bestellung {} stornieren",
            "invoice {} was paid",
            "commande n° {} : où est-elle ?",
            "pedido {} no ha llegado",
            "注文番号 {} について",
        )
    ).format(rng.choice(forms))


def _price(rng: Random) -> str:
    price = rng.uniform(1, 10_000_000)
    return f"A house for {rng.choice('$€£')}{price:,.2f} and one for {price * 1.1:.0f} EUR: which?"


def _sum(rng: Random) -> str:
    a, b = rng.randrange(10**8), rng.randrange(10**8)
    return f"What is {a} {rng.choice('+-*/')} {b}?"


def _numbers(rng: Random) -> str:
    many = [rng.randrange(10 ** rng.randint(1, 5)) for _ in range(rng.randint(4, 20))]
    return f"Sort {rng.choice((', ', ' ', '; ')).join(map(str, many))}."


def _network(rng: Random) -> str:
    ip = ".".join(str(rng.randrange(256)) for _ in range(4))
    return f"Why can't I reach {ip}:{rng.randrange(1024, 65536)} from 10.0.{rng.randrange(256)}.1?"


def _book(rng: Random) -> str:
    from stdnum import ean

    first = "978" + "".join(rng.choices("0123456789", k=9))
    return f"Summarise the book with ISBN {first}{ean.calc_check_digit(first)}."


def _code(rng: Random) -> str:
    n = rng.randrange(10 ** rng.randint(3, 9))
    return rng.choice(
        (
            f"def call(phone): return {n} if phone else 0x{n:08x}",
            f"assert f([{n}, {n // 7}, {n % 97}]) == {n * 3}",
            f"for i in range({n}): passport.check(i, mod={n % 1000})",
            f"id = {n}  # see line {n % 5000}",
            f"SELECT * FROM users WHERE id = {n} LIMIT {n % 100};",
            f"printf('%d', {n}); // port {n % 65536}",
            f"#{n:06d} at ({n % 1920}, {n % 1080})",
        )
    )


def _place(rng: Random) -> str:
    lat, lon = rng.uniform(-90, 90), rng.uniform(-180, 180)
    return f"Which town is near {lat:.6f}, {lon:.6f}? It is {rng.randrange(9999)} m high."


_MADE: tuple[Callable[[Random], str], ...] = (
    *(_count, _date, _stamp, _id, _version, _order, _price, _sum),
    *(_numbers, _network, _book, _code, _place),
)
