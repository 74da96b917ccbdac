"""Write a function for fwatchdog: a handler, which takes a request and returns a response.

    from fwatchdog import serve

    def handler(request):
        return {"hello": request.query.get("name", "world")}

    serve(handler)
"""

from .errors import BadRequest, Cancelled
from .request import Fields, Headers, Request
from .serve import serve
from .stream import Stream

__all__ = ["BadRequest", "Cancelled", "Fields", "Headers", "Request", "Stream", "serve"]
__version__ = "0.1.0"
