"""Credentials: the named detectors of detect-secrets, and tokens it does not know yet.

https://github.com/Yelp/detect-secrets. Its entropy detectors fire on plain words and stay off, as
does the one for public addresses, which are no credentials.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

from router.privacy.found import Found

# Each detector reads a text only if one of these occurs in it (in any case, or just so if it has
# capitals): a tenth of the time, and the tests prove by generating matches that none is missed.
_GATES: dict[str, tuple[str, ...]] = {
    "artifactory.ArtifactoryDetector": ("AKC", "AP"),
    "aws.AWSKeyDetector": ("A3T", "ABIA", "ACCA", "AKIA", "ASIA", "aws"),
    "azure_storage_key.AzureStorageKeyDetector": ("accountkey=",),
    "basic_auth.BasicAuthDetector": ("://",),
    "cloudant.CloudantDetector": ("cl_", "cl-", "clkey", "clp", "cltoken", "clapi", "clou"),
    "discord.DiscordBotTokenDetector": (".",),
    "github_token.GitHubTokenDetector": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    "gitlab_token.GitLabTokenDetector": ("gl", "gr1348941"),
    "ibm_cloud_iam.IbmCloudIamDetector": ("key", "pwd", "pass", "token"),
    "ibm_cos_hmac.IbmCosHmacDetector": ("secret",),
    "jwt.JwtTokenDetector": ("eyj",),
    "keyword.KeywordDetector": ("key", "pass", "pwd", "secret", "contrase"),
    "mailchimp.MailchimpDetector": ("-us",),
    "npm.NpmDetector": ("authtoken=",),
    "openai.OpenAIDetector": ("sk-",),
    "private_key.PrivateKeyDetector": ("private key", "putty-user-key"),
    "pypi_token.PypiTokenDetector": ("pypi-",),
    "sendgrid.SendGridDetector": ("sg.",),
    "slack.SlackDetector": ("xox", "hooks.slack"),
    "softlayer.SoftlayerDetector": ("softlayer", "sl"),
    "square_oauth.SquareOAuthDetector": ("sq0csp",),
    "stripe.StripeDetector": ("k_live_",),
    "telegram_token.TelegramBotTokenDetector": (":",),
    "twilio.TwilioKeyDetector": ("AC", "SK"),
}
# Detector, its gates in any case, and its gates just so: each is looked for once.
_SPLIT_GATES = [
    (name, [g for g in gates if g == g.lower()], [g for g in gates if g != g.lower()])
    for name, gates in _GATES.items()
]
# A few whose gate nearly every text passes: what must stand beside it. One that begins with a sign
# is looked for in a tenth of the time.
_NARROW = {
    "discord.DiscordBotTokenDetector": re.compile(r"\.[A-Za-z\d_-]{6}\."),
    "telegram_token.TelegramBotTokenDetector": re.compile(r":[0-9A-Za-z_-]{35}"),
    "twilio.TwilioKeyDetector": re.compile(r"(?:AC|SK)[a-z0-9]{32}"),
    "artifactory.ArtifactoryDetector": re.compile(r"AKC[a-zA-Z0-9]{10}|AP[\dA-F][a-zA-Z0-9]{8}"),
}
# Prefixes that their makers document for scanners: Anthropic, OpenAI projects, GitHub fine-grained,
# Google, Hugging Face, and any armoured private key.
_OWN = (
    ("sk-ant-", re.compile(r"sk-ant-[A-Za-z0-9_-]{20,}")),
    ("sk-", re.compile(r"sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,}|sk-[A-Za-z0-9]{40,}")),
    ("github_pat_", re.compile(r"github_pat_[A-Za-z0-9_]{22,}")),
    ("aiza", re.compile(r"AIza[A-Za-z0-9_-]{35}")),
    ("hf_", re.compile(r"hf_[A-Za-z0-9]{30,}")),
    ("k_test_", re.compile(r"[rs]k_test_[0-9A-Za-z]{24}")),
    ("private key", re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY")),
    # A value that is named as a secret: quoted it is the keyword detector's, bare it is ours.
    (
        "=",
        re.compile(
            r"(?i)\b[a-z0-9_]*(?:passw(?:or)?d|pwd|secret|api_?key|access_?key|auth_?token)"
            r"[ \t]*=[ \t]*(?=[^\s;&]*\d)[^\s()\[\]{}<>$;&'\"]{8,}"
        ),
    ),
)


def credentials(text: str, lowered: str) -> Iterator[Found]:
    """The credentials in `text`; `lowered` is its lower case.

    >>> text = "key AKIAIOSFODNN7EXAMPLE"
    >>> list(credentials(text, text.lower()))
    [Found(kind='credential:aws-access-key', value='AKIAIOSFODNN7EXAMPLE')]
    """
    for name, small, just_so in _SPLIT_GATES:
        for gate in small:
            if gate in lowered:
                break
        else:
            for gate in just_so:
                if gate in text:
                    break
            else:
                continue
        narrow = _NARROW.get(name)
        if narrow is None or narrow.search(text):
            plugin = plugins()[name]
            kind = "credential:" + plugin.secret_type.lower().replace(" ", "-")
            yield from (Found(kind, value or None) for value in plugin.analyze_string(text))
    for gate, pattern in _OWN:
        if gate in lowered:
            yield from (Found("credential:token", m[0]) for m in pattern.finditer(text))


@cache
def plugins() -> dict[str, Any]:
    """The detectors of detect-secrets by name, loaded at the first use."""
    out = {}
    for name in _GATES:
        module, kind = name.split(".")
        out[name] = getattr(import_module(f"detect_secrets.plugins.{module}"), kind)()
    return out
