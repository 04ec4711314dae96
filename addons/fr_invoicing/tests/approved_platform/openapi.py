# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Routes and checks taken from the official OpenAPI files, read when they are there."""

import json
import os
import re
from datetime import datetime
from pathlib import Path

FOLDER = Path("data/einvoice/fnfe-1.4.0.01/afnor-xp-z12-013")
FILES = ("flow-service-1.3.0.swagger.json", "directory-service-1.3.0.swagger.json")

#: the routes we serve, for machines without the official files
ROUTES = (
    ("POST", "/v1/flows", "createFlow"),
    ("POST", "/v1/flows/search", "searchFlows"),
    ("GET", "/v1/flows/{flowId}", "getFlow"),
    ("GET", "/v1/webhooks", "listWebhooks"),
    ("POST", "/v1/webhooks", "createWebhook"),
    ("DELETE", "/v1/webhooks/{webhookUid}", "deleteWebhook"),
    ("GET", "/v1/healthcheck", "getHealth"),
    ("POST", "/v1/directory-line/search", "searchDirectoryLine"),
    (
        "GET",
        "/v1/directory-line/code:{addressing-identifier}",
        "getDirectoryLineById",
    ),
    ("GET", "/v1/siren/code-insee:{siren}", "getCompanyBySiren"),
)


def find(folder=None):
    """Give the folder of the official files, None when they are not on this machine."""
    here = Path(__file__).resolve()
    candidates = [
        folder and Path(folder),
        Path(os.environ.get("RELEVE_SHARED", "/nonexistent")) / FOLDER,
        *(parent.parent / "shared" / FOLDER for parent in here.parents[:6]),
    ]
    for candidate in candidates:
        if candidate and all((candidate / name).is_file() for name in FILES):
            return candidate
    return None


class Description:
    """The two services: which operation a request is, and what its data must be.

    :param folder: of the official files; None: routes only, nothing is checked
    """

    def __init__(self, folder=None):
        self.folder = find(folder)
        self.documents, self.operations = {}, {}
        self.routes = []
        if self.folder:
            for name in FILES:
                document = json.loads((self.folder / name).read_text(encoding="utf-8"))
                service = "flow" if name.startswith("flow") else "directory"
                self._read(service, document)
        else:
            for method, path, operation in ROUTES:
                self._route("", method, path, operation)

    def _read(self, service, document):
        self.documents[service] = document
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                name = operation["operationId"]
                self.operations[service, name] = operation
                self._route(service, method.upper(), path, name)

    def _route(self, service, method, path, operation):
        pattern = re.sub(r"\{([^}]+)\}", r"(?P<\1>[^/]+)", path)
        pattern = re.sub(
            r"\?P<([^>]+)>", lambda found: f"?P<{found[1].replace('-', '_')}>", pattern
        )
        self.routes.append((service, method, re.compile(pattern + "$"), operation))

    def match(self, service, method, path):
        """Give (operation, path parameters), or None; 405 is not told from 404."""
        for owner, verb, pattern, operation in self.routes:
            if verb == method and owner in ("", service):
                if found := pattern.match(path):
                    return operation, found.groupdict()
        return None

    def request_problems(self, service, operation, body):
        """Say what a JSON body breaks.

        :rtype: list[str]
        """
        described = self.operations.get((service, operation))
        if not described or "requestBody" not in described:
            return []
        content = self._resolve(service, described["requestBody"])["content"]
        if "application/json" in content:
            return self.problems(service, content["application/json"]["schema"], body)
        schema = content["multipart/form-data"]["schema"]
        return self.problems(service, schema["properties"]["flowInfo"], body)

    def answer_problems(self, service, operation, status, body):
        """Say what an answer of ours breaks.

        :rtype: list[str]
        """
        described = self.operations.get((service, operation))
        if not described:
            return []
        answer = described["responses"].get(str(status))
        if not answer:
            return [f"status {status} is not described for {operation}"]
        content = self._resolve(service, answer).get("content") or {}
        schema = (content.get("application/json") or {}).get("schema")
        return self.problems(service, schema, body) if schema else []

    # === Schemas (the part of OpenAPI 3.0 that the two files use) === #

    def _resolve(self, service, node):
        while "$ref" in node:
            target = self.documents[service]
            for part in node["$ref"].lstrip("#/").split("/"):
                target = target[part]
            node = target
        return node

    def problems(self, service, schema, value, where="$"):
        """Compare a value with a schema.

        :rtype: list[str]
        """
        schema = self._resolve(service, schema)
        found = []
        for part in schema.get("allOf", ()):
            found += self.problems(service, part, value, where)
        if "oneOf" in schema and not any(
            not self.problems(service, part, value, where) for part in schema["oneOf"]
        ):
            found.append(f"{where}: none of the choices")
        kind = schema.get("type")
        if kind == "object" or "properties" in schema:
            found += self._object(service, schema, value, where)
        elif kind == "array":
            if not isinstance(value, list):
                return [*found, f"{where}: no list"]
            for index, item in enumerate(value):
                found += self.problems(
                    service, schema.get("items", {}), item, f"{where}[{index}]"
                )
        elif kind == "string":
            found += _string(schema, value, where)
        elif kind == "integer":
            if not isinstance(value, int) or isinstance(value, bool):
                found.append(f"{where}: no whole number")
            elif value > schema.get("maximum", value):
                found.append(f"{where}: above {schema['maximum']}")
        elif kind == "boolean" and not isinstance(value, bool):
            found.append(f"{where}: neither true nor false")
        return found

    def _object(self, service, schema, value, where):
        if not isinstance(value, dict):
            return [f"{where}: no object"]
        found = [
            f"{where}.{name}: missing"
            for name in schema.get("required", ())
            if name not in value
        ]
        for name, part in schema.get("properties", {}).items():
            if name in value:
                found += self.problems(service, part, value[name], f"{where}.{name}")
        return found


def _string(schema, value, where):
    if not isinstance(value, str):
        return [f"{where}: no text"]
    if "enum" in schema:
        # the list decides: directoryLineStatus allows 7 characters, "Disabled" has 8
        known = value in schema["enum"]
        return [] if known else [f"{where}: {value!r} is not in the list"]
    if len(value) > schema.get("maxLength", len(value)):
        return [f"{where}: too long"]
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return [f"{where}: {value!r} has another form"]
    if schema.get("format") == "date-time":
        try:
            datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            return [f"{where}: no date-time"]
    return []
