"""Takes credentials out of text that is to be read by people: log lines, messages of errors, traces.

What they are is told by where they stand (a header, a query, a user's part of an address) or by their shape
(access tokens and API keys of Google, tokens in three parts).
"""

from __future__ import annotations

import logging
import re

GONE = "[redacted]"

_QUERY = r"([?&;](?:key|access_token|id_token|token)=)[^&\s\"'#;]+"
_HEADER = (
    r"((?>(?:x-goog-api-key|(?:proxy-)?authorization|x-api-key)['\"]?\s*[:=,]\s*(?:b(?=['\"]))?['\"]?(?:(?:bearer|basic)\s+)?))"
    rf"(?!{re.escape(GONE)})[^\s\"',;)}}\]]+"
)
_SHAPES = (
    r"\bya29\.[\w.-]+",  # an access token
    r"\bAIza[\w-]{16,}",  # an API key
    r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?",  # a JSON web token
)
_RULES = (
    (re.compile(_QUERY, re.IGNORECASE), rf"\1{GONE}"),
    (re.compile(_HEADER, re.IGNORECASE), rf"\1{GONE}"),
    (re.compile(r"\b(bearer\s+)[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1{GONE}"),
    (re.compile("|".join(_SHAPES)), GONE),
    (re.compile(r"(://)[^/\s:@]+:[^/\s@]+@"), rf"\1{GONE}@"),
)


def redacted(text: str) -> str:
    """The text without the credentials in it."""
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    return text


class Redacting(logging.Filter):
    """A filter for loggers or handlers: what passes has no credentials in it.

    The router's own loggers need none. It is for those of HTTP clients, which log whole addresses:
    `logging.getLogger("httpx").addFilter(Redacting())`.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrites a record; never holds it back."""
        record.msg, record.args = redacted(record.getMessage()), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redacted(record.exc_text)
        return True
