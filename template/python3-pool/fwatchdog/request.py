"""What a handler is given."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, TypeVar, Union, overload

from .frame import LEVELS, Head, Pairs

if TYPE_CHECKING:
    import threading

    from .stream import Stream

T = TypeVar("T")


class Fields:
    """Names and values in the order received, where a name may come more than once; made for look-up by name."""

    __slots__ = ("_pairs", "_index")

    def __init__(self, pairs: Pairs) -> None:
        self._pairs = pairs
        self._index: Optional[Dict[str, List[str]]] = None  # made by the first look-up

    def __getitem__(self, name: str) -> str:
        """Returns the first value of a name, or raises KeyError."""
        return self._values()[self._key(name)][0]

    @overload
    def get(self, name: str) -> Optional[str]: ...

    @overload
    def get(self, name: str, default: T) -> Union[str, T]: ...

    def get(self, name: str, default: Any = None) -> Any:
        """Returns the first value of a name, or default."""
        values = self._values().get(self._key(name))
        return values[0] if values else default

    def get_all(self, name: str) -> List[str]:
        """Returns all values of a name in the order received."""
        return list(self._values().get(self._key(name), ()))

    def items(self) -> Pairs:
        """Returns all names and values in the order received."""
        return list(self._pairs)

    def keys(self) -> List[str]:
        """Returns each name once, in the order received."""
        return list(self._values())

    def __iter__(self) -> Iterator[str]:
        return iter(self._values())

    def __len__(self) -> int:
        return len(self._values())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._key(name) in self._values()

    def __repr__(self) -> str:
        return "%s(%r)" % (type(self).__name__, self._pairs)

    def _values(self) -> Dict[str, List[str]]:
        if self._index is None:
            self._index = {}
            for name, value in self._pairs:
                self._index.setdefault(self._key(name), []).append(value)
        return self._index

    @staticmethod
    def _key(name: str) -> str:
        return name


class Headers(Fields):
    """The headers of a request: names in lower case, found in any case."""

    __slots__ = ()

    @staticmethod
    def _key(name: str) -> str:
        return name.lower()


class Request:
    """An HTTP request, as far as a function sees it."""

    __slots__ = ("method", "target", "headers", "stream", "_expires", "_body", "_query")

    def __init__(self, head: Head, stream: Stream) -> None:
        timeout_ms, method, target, headers, _ = head
        self.method = method
        """The verb as received."""
        self.target = target
        """Path and query as received, not decoded."""
        self.headers = Headers(headers)
        """The headers: look-up ignores case, the order is kept, a name may have several values."""
        self.stream = stream
        """The body piece by piece. What has been read from it is not in `body` any more."""
        self._expires = time.monotonic() + timeout_ms / 1000 if timeout_ms else None
        self._body: Optional[bytes] = None
        self._query: Optional[Fields] = None

    @property
    def path(self) -> str:
        """The target up to the question mark, not decoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> Fields:
        """The decoded names and values of the query; a name may have several values."""
        if self._query is None:
            from urllib.parse import parse_qsl  # here, because few functions need it and every start would pay for it

            self._query = Fields(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))
        return self._query

    @property
    def call_id(self) -> str:
        """The host's name for this call (`X-Call-Id`), empty when it gave none."""
        return self.headers.get("x-call-id", "")

    @property
    def body(self) -> bytes:
        """All bytes of the body. Waits for them; an async handler uses `stream` instead, which does not block."""
        if self._body is None:
            self._body = self.stream.read()
        return self._body

    @property
    def deadline(self) -> Optional[float]:
        """The seconds that are left for the response, never negative; None when there is no limit."""
        return None if self._expires is None else max(0.0, self._expires - time.monotonic())

    @property
    def cancelled(self) -> threading.Event:
        """Is set once nobody waits for the response any more; a handler that takes long should look."""
        return self.stream.event

    def log(self, level: str, text: str) -> None:
        """Sends a text to the host's log; level is debug, info, warn or error."""
        self.stream.log(LEVELS[level], text)

    def retire(self, reason: str) -> None:
        """Asks the host to replace this worker by a fresh one. Its open requests are finished first, this one too."""
        self.stream.retire(reason)
