"""Reading labelled outcomes: Parquet, JSON Lines, CSV, and three folder forms.

- a folder of canonical files
- a folder of `<source>.prompts.parquet` and `<source>.outcomes.parquet` (joined on prompt_id,
  `qkey` is the group)
- a folder of graded prompts (`*.jsonl` with `difficulty`), see `training.data.everyday`
"""

from pathlib import Path

import pandas as pd

from router.errors import DataError
from training.data.dataset import OF_ANSWER, OF_PROMPT, Dataset, checked, combined
from training.data.everyday import canonical, is_graded

SUFFIXES = {".parquet", ".jsonl", ".csv"}


def read(path: str | Path, *, skip_bad: bool = False) -> Dataset:
    """Read one file or one folder into a `Dataset`.

    Raises DataError naming the file and the fault.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path} does not exist; name a file or folder of labelled outcomes.")
    if path.is_file():
        return _checked_file(path, skip_bad)
    joined = sorted(path.glob("*.prompts.parquet"))
    if joined:
        return combined([_joined(p, skip_bad) for p in joined])
    files = sorted(f for f in path.rglob("*") if f.suffix in SUFFIXES)
    if not files:
        raise DataError(f"{path} holds no .parquet, .jsonl or .csv file.")
    return combined([_checked_file(f, skip_bad) for f in files])


def _checked_file(path: Path, skip_bad: bool) -> Dataset:
    return checked(as_rows(read_table(path), str(path)), str(path), skip_bad=skip_bad)


def as_rows(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """A table of outcomes as it is, one of graded prompts as rows. Raises DataError."""
    return canonical(frame, where) if is_graded(frame) else frame


def _joined(prompts_path: Path, skip_bad: bool) -> Dataset:
    source = prompts_path.name.removesuffix(".prompts.parquet")
    outcomes_path = prompts_path.with_name(f"{source}.outcomes.parquet")
    if not outcomes_path.exists():
        raise DataError(f"{prompts_path} has no {outcomes_path.name} beside it.")
    prompts = read_table(prompts_path).rename(columns={"qkey": "group"})
    outcomes = read_table(outcomes_path)
    unknown = ~outcomes["prompt_id"].isin(prompts["prompt_id"])
    if unknown.any() and not skip_bad:
        raise DataError(
            f"{outcomes_path} has {int(unknown.sum())} outcomes whose prompt_id is not in "
            f"{prompts_path.name}."
        )
    wanted = ["prompt_id", "group", "source", "category", "prompt"]
    wanted += [c for c in OF_PROMPT if c in prompts]
    said = ["prompt_id", "tier", "model", "score", *(c for c in OF_ANSWER if c in outcomes)]
    frame = outcomes[said].merge(
        prompts[wanted], on="prompt_id", how="inner", validate="many_to_one"
    )
    dataset = checked(frame, str(outcomes_path), skip_bad=skip_bad)
    if unknown.any():
        dataset.left_out["outcome without prompt"] = int(unknown.sum())
    return dataset


def read_table(path: Path) -> pd.DataFrame:
    """A table from one file, by its suffix. Raises DataError when it cannot be read."""
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        if path.suffix == ".jsonl":
            return pd.read_json(path, lines=True, dtype=False)
        if path.suffix == ".csv":
            return pd.read_csv(path, keep_default_na=False, na_values=["", "NaN", "nan"])
    except (ValueError, OSError, pd.errors.ParserError) as error:
        # The parser's own message may quote the file's text, so only its kind is passed on.
        raise DataError(
            f"{path} could not be read as {path.suffix[1:]} ({type(error).__name__}); "
            "check that the file is complete."
        ) from error
    raise DataError(f"{path} has an unknown suffix; use {', '.join(sorted(SUFFIXES))}.")
