"""`python -m training`: the training pipeline's command line."""

try:
    import joblib  # noqa: F401
    import mlflow  # noqa: F401
    import pandas  # noqa: F401
    import sklearn  # noqa: F401
except ImportError as error:
    raise SystemExit(
        f"Error: The package {error.name} is not installed; run: "
        "pip install 'hybrid-router[training]'."
    ) from None

from training.cli.main import main

main()
