"""A function that takes JSON and answers JSON."""

import json

from fwatchdog import BadRequest, serve


def handler(request):
    try:
        name = json.loads(request.body)["name"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadRequest('send {"name": "..."}') from error
    return {"hello": name}


if __name__ == "__main__":
    serve(handler)
