"""Answers locally by default, escalates to the cloud when a calibrated prediction says it pays.

>>> from router import predict_tier
>>> predict_tier("What rhymes with cat?").tier
'local'
"""

from router.answers.reading import Answer
from router.api import Routed, aroute_request, route_request
from router.decide.default import predict_after, predict_tier
from router.decide.router import Router
from router.errors import InputError, RouterError
from router.threshold import CloudShare, Cut, Money, QualityFloor, QualityShare
from router.types import BatchPrediction, Decision, Explanation, Request

__all__ = [
    "Answer",
    "BatchPrediction",
    "CloudShare",
    "Cut",
    "Decision",
    "Explanation",
    "InputError",
    "Money",
    "QualityFloor",
    "QualityShare",
    "Request",
    "Routed",
    "Router",
    "RouterError",
    "aroute_request",
    "predict_after",
    "predict_tier",
    "route_request",
]
