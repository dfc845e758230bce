"""Answers locally by default, escalates to the cloud when a calibrated prediction says it pays.

>>> from router import predict_tier
>>> predict_tier("What rhymes with cat?").tier
'local'
"""

from router.errors import InputError, RouterError
from router.policy import CloudShare, Cut, Money, QualityShare
from router.predict import Router, predict_tier
from router.types import BatchPrediction, Decision, Explanation, Request

__all__ = [
    "BatchPrediction",
    "CloudShare",
    "Cut",
    "Decision",
    "Explanation",
    "InputError",
    "Money",
    "QualityShare",
    "Request",
    "Router",
    "RouterError",
    "predict_tier",
]
