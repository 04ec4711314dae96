"""The OpenAPI 3.1 document and the Postman collection, from the registered operations.

Both are made for one server: address, add-ons installed there, language of the reader.
"""

import json
from urllib.parse import quote

from .operations import OPERATIONS, SCHEMAS, reference
from .problem import MEDIA_TYPE

SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "rlv_…",
    }
}
#: Problems every operation with a key may answer with.
USUAL = (400, 401, 403, 429, 500, 503)


def document(info, server, modules, translate):
    """The OpenAPI document.

    :param dict info: title, version, description, summary: texts or lazy ones
    :param str server: address of the server, without a slash at the end
    :param modules: names of the installed add-ons; operations of others are left out
    :param translate: function text or lazy text -> text
    :return: JSON-compatible mapping
    :rtype: dict
    """
    paths = {}
    for operation in shown(modules):
        entry = _operation(operation)
        paths.setdefault(operation.path, {})[operation.method.lower()] = entry
    return _translated(
        {
            "openapi": "3.1.0",
            "info": info,
            "servers": [{"url": server}],
            "paths": paths,
            "components": {
                "schemas": {
                    name: schema
                    for name, (module, schema) in sorted(SCHEMAS.items())
                    if module in modules
                },
                "securitySchemes": SECURITY,
            },
        },
        translate,
    )


def shown(modules):
    """Operations of these add-ons, by tag and address."""
    return sorted(
        (entry for entry in OPERATIONS.values() if entry.module in modules),
        key=lambda entry: (entry.tag, entry.path, entry.method != "POST"),
    )


def _operation(operation):
    entry = {
        "operationId": operation.operation_id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "responses": _responses(operation),
    }
    if operation.description:
        entry["description"] = operation.description
    if operation.parameters:
        entry["parameters"] = [_parameter(one) for one in operation.parameters]
    if operation.body:
        entry["requestBody"] = {
            "required": True,
            "content": {
                kind: {"schema": schema, **_examples(examples)}
                for kind, (schema, examples) in operation.body.items()
            },
        }
    entry["security"] = [{"bearer": []}] if operation.scope else []
    if operation.scope:
        entry["x-scope"] = operation.scope
    return entry


def _examples(examples):
    if not examples:
        return {}
    return {
        "examples": {name: {"value": value} for name, value in examples.items()},
    }


def _parameter(parameter):
    entry = {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "description": parameter.description,
        "schema": parameter.schema,
    }
    if parameter.example is not None:
        entry["example"] = parameter.example
    return entry


def _responses(operation):
    responses = {}
    for status, (description, schema) in operation.responses.items():
        content = {"application/json": {"schema": reference(schema)}} if schema else {}
        responses[str(status)] = {"description": description, "content": content}
    usual = USUAL if operation.scope else (400, 500, 503)
    problems = {status: _TITLES[status] for status in usual} | operation.problems
    for status, description in sorted(problems.items()):
        entry = {
            "description": description,
            "content": {MEDIA_TYPE: {"schema": reference("Problem")}},
        }
        if status in (429, 503):
            entry["headers"] = {
                "Retry-After": {"schema": {"type": "integer", "minimum": 1}}
            }
        responses[str(status)] = entry
    return responses


_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


def _translated(value, translate):
    """A copy of a document with every lazy text as text."""
    if isinstance(value, dict):
        return {key: _translated(entry, translate) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_translated(entry, translate) for entry in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return translate(value)


def postman(info, server, modules, translate):
    """The same operations as a Postman collection (format 2.1.0).

    :return: JSON-compatible mapping; the variables are ``server`` and ``key``
    """
    folders = {}
    for operation in shown(modules):
        folders.setdefault(operation.tag, []).extend(_requests(operation))
    return _translated(
        {
            "info": {
                "name": info["title"],
                "description": info["description"],
                "schema": "https://schema.getpostman.com/json/collection/v2.1.0/"
                "collection.json",
            },
            "auth": {
                "type": "bearer",
                "bearer": [{"key": "token", "value": "{{key}}", "type": "string"}],
            },
            "variable": [
                {"key": "server", "value": server},
                {"key": "key", "value": ""},
            ],
            "item": [
                {"name": tag, "item": requests} for tag, requests in folders.items()
            ],
        },
        translate,
    )


def _requests(operation):
    """Requests of an operation: one for each example of a body."""
    bodies = [
        (kind, value)
        for kind, (_schema, examples) in operation.body.items()
        for value in examples.values()
    ]
    for kind, value in bodies or [(None, None)]:
        request = {
            "method": operation.method,
            "url": _url(operation),
            "header": [
                {
                    "key": parameter.name,
                    "value": parameter.sample,
                    "description": parameter.description,
                    "disabled": True,
                }
                for parameter in operation.parameters
                if parameter.place == "header"
            ],
            "description": operation.description or operation.summary,
        }
        if not operation.scope:
            request["auth"] = {"type": "noauth"}
        name = operation.summary
        if kind:
            request["header"].append({"key": "Content-Type", "value": kind})
            request["body"] = {"mode": "raw", "raw": _Json(value)}
            name = _Named(operation.summary, kind)
        yield {"name": name, "request": request}


class _Json:
    """A value that is written as a JSON text."""

    def __init__(self, value):
        self.value = value

    def _translate(self, _lang=""):
        return json.dumps(self.value, indent=2, ensure_ascii=False)


class _Named:
    """A lazy text with a media type behind it."""

    def __init__(self, text, kind):
        self.text = text
        self.kind = kind

    def _translate(self, lang=""):
        text = self.text if isinstance(self.text, str) else self.text._translate(lang)
        return f"{text} ({self.kind})"


def _url(operation):
    path = operation.path
    for parameter in operation.parameters:
        if parameter.place == "path":
            example = str(parameter.example if parameter.example is not None else "")
            path = path.replace(f"{{{parameter.name}}}", quote(example, safe="%"))
    query = [
        {
            "key": parameter.name,
            "value": str(parameter.example or ""),
            "description": parameter.description,
            "disabled": not parameter.required,
        }
        for parameter in operation.parameters
        if parameter.place == "query"
    ]
    url = {
        "raw": f"{{{{server}}}}{path}",
        "host": ["{{server}}"],
        "path": path.strip("/").split("/"),
    }
    if query:
        url["query"] = query
    return url
