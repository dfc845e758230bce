"""The one owner of MLflow: runs, registry and aliases in `mlflow.db`, artifacts beside it."""

import contextlib
import io
import logging
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pandas as pd

from router.errors import ArtifactMissing, TrainingError
from router.registry.followed import CHAMPION, REGISTERED, without_login
from router.registry.registry import Listener, Registry
from training.evaluate import plots
from training.pipelines.prompts import Trained

if TYPE_CHECKING:
    from training.pipelines.learn import Learned

EXPERIMENT = "router"
CHALLENGER = "challenger"
_FIT, _LESSON = "fit", "learn"  # what a registered version comes from
_PROBE = ["Say hello.", "Prove that every finite integral domain is a field."]


class Tracking:
    """A connection to the tracking store in `folder`, or to the MLflow server at `url`.

    Raises TrainingError when the store cannot be opened.
    """

    def __init__(self, folder: Path = Path(), url: str | None = None) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # seconds, not minutes
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        import mlflow
        from mlflow.tracking import MlflowClient

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
        self._mlflow = mlflow
        database = (folder / "mlflow.db").resolve()
        # A server keeps files where it was told to.
        files = None if url else (folder / "mlartifacts").resolve().as_uri()
        try:
            mlflow.set_tracking_uri(url or f"sqlite:///{database}")
            self.client = MlflowClient()
            if self.client.get_experiment_by_name(EXPERIMENT) is None:
                self.client.create_experiment(EXPERIMENT, artifact_location=files)
            mlflow.set_experiment(EXPERIMENT)
        except Exception as error:  # a database error of any driver, or of the network
            place = without_login(url) if url else database
            fix = "check mlflow_url" if url else "move it away or choose another working folder"
            raise TrainingError(
                f"The tracking store {place} could not be opened ({type(error).__name__}); {fix}."
            ) from error

    def log_fit(self, trained: Trained, folder: Path) -> str:
        """Log a fit as a run, register its model as challenger; returns the run id."""
        manifest = trained.artifact.manifest
        mlflow = self._mlflow
        with mlflow.start_run(run_name=manifest["version"]) as run:
            mlflow.log_params(
                {
                    "version": manifest["version"],
                    "base": manifest["base"],
                    "seed": manifest["seed"],
                    "data_sha256": manifest["data"]["sha256"],
                    "data_rows": manifest["data"]["rows"],
                    "data_prompts": manifest["data"]["prompts"],
                    "git_commit": manifest["git_commit"],
                    "encoder": manifest["encoder"]["name"],
                    **{f"strength_{t}": s for t, s in manifest["strength"].items()},
                    **{f"rows_{p}": n for p, n in manifest["data"]["parts"].items()},
                }
            )
            for name, interval in trained.evaluation.overall.items():
                mlflow.log_metrics(
                    {
                        name: interval.value,
                        f"{name}_low": interval.low,
                        f"{name}_high": interval.high,
                    }
                )
            self._log_files(trained)
            with contextlib.redirect_stderr(io.StringIO()):  # its chatter tells a user nothing
                number = self._log_model(folder, manifest["version"], _FIT)
            self.client.set_registered_model_alias(REGISTERED, CHALLENGER, number)
            return str(run.info.run_id)

    def log_training_run(self, learned: "Learned", folder: Path, window: dict[str, Any]) -> str:
        """Log a training run with child runs for labels, fit, evaluation and promotion.

        Registers the model; whether it is challenger or champion, `follow` says. Returns the id
        of the parent run.
        """
        mlflow, manifest = self._mlflow, learned.artifact.manifest
        found = learned.as_dict()
        with mlflow.start_run(run_name=manifest["version"]) as parent:
            mlflow.set_tag("kind", "learn")
            mlflow.log_params(
                {
                    "version": manifest["version"],
                    "base": manifest["base"],
                    "seed": manifest["seed"],
                    "log_sha256": manifest["data"]["sha256"],
                    **window,
                }
            )
            with mlflow.start_run(run_name="labels", nested=True):
                mlflow.log_metrics({f"labels {k}": float(n) for k, n in learned.labels.items()})
                mlflow.log_dict(
                    {"noise": found["noise"], "held_back": found["words"]}, "labels.json"
                )
            with mlflow.start_run(run_name="fit", nested=True):
                mlflow.log_params({f"strength_{t}": s for t, s in manifest["strength"].items()})
                mlflow.log_metrics({k: float(n) for k, n in learned.rows.items()})
            with mlflow.start_run(run_name="evaluation", nested=True):
                mlflow.log_param("judged_on", learned.judged_on)
                self._log_before_after(learned)
                traffic = {k: manifest["traffic"][k] for k in ("requests", "escalation", "spread")}
                report = {"curve": found["curve"], "traffic": traffic, "drift": found["drift"]}
                mlflow.log_dict(report, "evaluation.json")
            with mlflow.start_run(run_name="promotion", nested=True):
                mlflow.set_tag("promotable", str(not learned.reasons))
                mlflow.log_dict({"reasons": found["reasons"]}, "promotion.json")
            mlflow.log_dict(manifest, "manifest.json")
            with contextlib.redirect_stderr(io.StringIO()):
                self._log_model(folder, manifest["version"], _LESSON)
            return str(parent.info.run_id)

    def _log_before_after(self, learned: "Learned") -> None:
        better = learned.better
        self._mlflow.log_metrics(
            {
                "equal": learned.equal.value,
                "equal_low": learned.equal.low,
                "own": learned.own.value,
                "own_low": learned.own.low,
                "better": better.value,
                "better_low": better.low,
                "better_high": better.high,
                "brier_before": learned.brier[0],
                "brier_after": learned.brier[1],
                "ece_before": learned.ece[0],
                "ece_after": learned.ece[1],
            }
        )

    def _log_files(self, trained: Trained) -> None:
        with tempfile.TemporaryDirectory() as temporary:
            for path in figures(trained, Path(temporary)):
                self._mlflow.log_artifact(str(path), "figures")
            heads = Path(temporary) / "heads.joblib"
            joblib.dump(trained.fitted.estimators, heads)  # scikit-learn objects only
            self._mlflow.log_artifact(str(heads), "scikit-learn")
            self._mlflow.log_dict(trained.artifact.manifest, "manifest.json")

    def _log_model(self, folder: Path, version: str, source: str) -> str:
        """Register a version; returns its number in MLflow."""
        mlflow = self._mlflow
        from mlflow.models import infer_signature

        example = pd.DataFrame({"prompt": _PROBE})
        output = pd.DataFrame({"p_local": [0.5], "p_cloud": [0.5], "gain": [0.0]})
        mlflow.pyfunc.log_model(
            name="router",
            python_model=str(Path(__file__).with_name("mlflow_model.py")),
            artifacts={"model": str(folder)},
            signature=infer_signature(example, output),
            input_example=example,
            registered_model_name=REGISTERED,
            pip_requirements=["hybrid-router"],
        )
        found = self.client.search_model_versions(f"name='{REGISTERED}'")
        number = str(max(int(v.version) for v in found))
        self.client.set_model_version_tag(REGISTERED, number, "version", version)
        self.client.set_model_version_tag(REGISTERED, number, "source", source)
        return number

    def listener(self, models_dir: Path) -> Listener:
        """What moves the aliases with every move of a registry."""
        return lambda move: self.follow(models_dir)

    def follow(self, models_dir: Path) -> None:
        """Let the aliases name what the folder's pointers name.

        The gateway promotes, drops and goes back without MLflow, so this is done whenever training
        opens the store. A fit by hand stays challenger until it is promoted or another comes.
        """
        registry = Registry(models_dir)
        try:
            current = registry.current
        except ArtifactMissing:
            return
        if not self.point(CHAMPION, current) and self._named(CHAMPION) is not None:
            self.client.delete_registered_model_alias(REGISTERED, CHAMPION)  # the shipped one again
        waiting = registry.challenger
        if waiting is not None and self.point(CHALLENGER, waiting):
            return
        if (named := self._named(CHALLENGER)) is not None:
            tags = named.tags
            if tags.get("source") == _LESSON or tags.get("version") == current:
                self.client.delete_registered_model_alias(REGISTERED, CHALLENGER)

    def version_of(self, alias: str) -> str | None:
        """Name of the version that an alias points to, None if there is none."""
        found = self._named(alias)
        return found.tags.get("version") if found is not None else None

    def _named(self, alias: str) -> Any:
        try:
            return self.client.get_model_version_by_alias(REGISTERED, alias)
        except Exception:  # mlflow has no narrower error for an unset alias
            return None

    def point(self, alias: str, version: str) -> bool:
        """Point an alias to the registered version of that name; False if none is registered."""
        for found in self.client.search_model_versions(f"name='{REGISTERED}'"):
            if found.tags.get("version") == version:
                self.client.set_registered_model_alias(REGISTERED, alias, found.version)
                return True
        return False


def figures(trained: Trained, folder: Path) -> list[Path]:
    """The cost curve and the reliability diagram of the test rows, as PNG files."""

    scored = trained.evaluation.scored
    if not len(scored.gain):
        return []
    length = np.random.default_rng(0).random(len(scored.gain))
    gains: dict[str, Any] = {
        "router": scored.gain,
        "random": length,
        "oracle": scored.cloud - scored.local,
    }
    rng = np.random.default_rng(0)
    curves = plots.quality_curves(gains, scored.local, scored.cloud, groups=scored.group, rng=rng)
    diagram = plots.reliability_diagram(
        {"local": (scored.p_local, scored.local), "cloud": (scored.p_cloud, scored.cloud)}
    )
    return [
        plots.save(curves, folder / "cost_curve.png"),
        plots.save(diagram, folder / "reliability.png"),
    ]
