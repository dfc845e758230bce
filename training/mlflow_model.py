"""What MLflow loads to serve a registered router ("models from code": nothing is pickled)."""

from typing import Any

import mlflow
import pandas as pd

from router.decide.router import Router


class RouterModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc,unused-ignore]
    """A column `prompt` in; p_local, p_cloud and gain out."""

    def load_context(self, context: Any) -> None:
        """Load the model folder that was logged with the run."""
        self.router = Router.load(context.artifacts["model"])

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Probabilities for every prompt."""
        batch = self.router.predict_batch(model_input["prompt"].tolist())
        return pd.DataFrame(
            {"p_local": batch.p_local, "p_cloud": batch.p_cloud, "gain": batch.gain}
        )


mlflow.models.set_model(RouterModel())
