"""What functions of python3-http and python3-flask return, by Flask's rules and without Flask."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import email.utils
import json
import uuid
from typing import Any

from ..response import Response, encode_headers

HTML = "text/html; charset=utf-8"


def unwrap(value: Any) -> Any:
    """Returns what a function of python3-http returned as Flask would have it: None and a dict are special there."""
    if value is None:
        return ""
    if type(value) is not dict:
        return value
    body = value.get("body", "")
    if type(body) is not dict and not isinstance(body, bytes):
        body = str(body)
    return body, value.get("statusCode", 200), value.get("headers", [])


def answer(value: Any) -> Response:
    """Converts what Flask takes for a response; TypeError for anything else."""
    status: Any = 200
    headers: Any = ()
    if isinstance(value, tuple) and len(value) == 3:
        value, status, headers = value
    elif isinstance(value, tuple) and len(value) == 2:
        if isinstance(value[1], (dict, list, tuple)):
            value, headers = value
        else:
            value, status = value
    pairs = encode_headers(headers or ())
    body, kind = _body(value)
    if not any(name == "content-type" for name, _ in pairs):
        pairs.append(("content-type", kind))
    return int(status.split()[0] if isinstance(status, str) else status), pairs, body


def _body(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=_json_value)
        return text + "\n", "application/json"
    if isinstance(value, (str, bytes, bytearray)) or hasattr(value, "__next__"):
        return value, HTML
    raise TypeError("the function returned %s, which is no response" % type(value).__name__)


def _json_value(value: Any) -> Any:
    """Converts what JSON does not have, as Flask does."""
    if isinstance(value, datetime.date):
        if not isinstance(value, datetime.datetime):
            value = datetime.datetime.combine(value, datetime.time())
        if value.tzinfo is None:
            value = value.replace(tzinfo=datetime.timezone.utc)
        return email.utils.format_datetime(value.astimezone(datetime.timezone.utc), usegmt=True)
    if isinstance(value, (decimal.Decimal, uuid.UUID)):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if hasattr(value, "__html__"):
        return str(value.__html__())
    raise TypeError("%s has no JSON" % type(value).__name__)
