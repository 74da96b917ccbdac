"""What a function of python3-http is given."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, Iterator, List, Optional
from urllib.parse import unquote

from ..errors import BadRequest
from ..frame import Pairs
from ..request import Fields, Request


class Event:
    """The request."""

    def __init__(self, body: bytes, headers: Any, method: str, query: Any, path: str) -> None:
        self.body = body
        self.headers = headers
        self.method = method
        self.query = query
        self.path = path

    @classmethod
    def of(cls, request: Request) -> Event:
        """Makes the event of a request."""
        headers, query = EventHeaders(request.headers.items()), EventFields(request.query.items())
        return cls(request.body, headers, request.method, query, unquote(request.path))


class Context:
    """Where the function runs."""

    def __init__(self) -> None:
        self.hostname = os.getenv("HOSTNAME", "localhost")


class MissingKey(BadRequest, KeyError):
    """A function looks up what the query does not have: the client's fault, as in the template."""

    __str__ = BadRequest.__str__


class EventFields(Fields):
    """Fields with the methods of Werkzeug's MultiDict that functions use."""

    def __getitem__(self, name: str) -> str:
        try:
            return super().__getitem__(name)
        except KeyError:
            raise MissingKey("the query has no %s" % name) from None

    def get(self, name: str, default: Any = None, type: Optional[Callable[[str], Any]] = None) -> Any:
        """Returns the first value, converted by type, or default when it is missing or cannot be converted."""
        value = super().get(name)
        if value is None:
            return default
        try:
            return type(value) if type else value
        except ValueError:
            return default

    def getlist(self, name: str, type: Optional[Callable[[str], Any]] = None) -> List[Any]:
        """Returns all values, converted by type, without those that cannot be converted."""
        converted = []
        for value in self.get_all(name):
            try:
                converted.append(type(value) if type else value)
            except ValueError:
                continue
        return converted

    def values(self) -> List[str]:
        """Returns the first value of each name."""
        return [self[name] for name in self.keys()]

    def to_dict(self, flat: bool = True) -> Dict[str, Any]:
        """Returns each name with its first value, or with all when it is not to be flat."""
        return {name: self[name] if flat else self.get_all(name) for name in self.keys()}


class EventHeaders(EventFields):
    """Headers as WSGI passes them on: names in Title-Case, found in any case, repeated ones joined."""

    def __init__(self, pairs: Pairs) -> None:
        joined: Dict[str, str] = {}
        for key, value in pairs:
            name = key.title()
            joined[name] = joined[name] + ("; " if name == "Cookie" else ", ") + value if name in joined else value
        super().__init__(list(joined.items()))

    __getitem__ = Fields.__getitem__  # a missing header is the function's fault, unlike a missing part of the query

    def __iter__(self) -> Iterator[Any]:
        """Visits names with their values, unlike the fields of a query."""
        return iter(self.items())

    def keys(self) -> List[str]:
        """Returns each name."""
        return [name for name, _ in self.items()]

    @staticmethod
    def _key(name: str) -> str:
        return name.lower()
