"""Holds every example of an OpenAPI document to the schema beside it.

    check_examples.py URL

Prints, as JSON, how many were held to a schema and which do not fit.
"""

import json
import sys
import urllib.request

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

document = json.load(urllib.request.urlopen(sys.argv[1]))
resource = Resource.from_contents(document, default_specification=DRAFT202012)
registry = Registry().with_resource("urn:document", resource)


def absolute(schema):
    """The same schema with its references into the document."""
    if isinstance(schema, dict):
        return {
            key: f"urn:document{value}" if key == "$ref" else absolute(value)
            for key, value in schema.items()
        }
    if isinstance(schema, list):
        return [absolute(item) for item in schema]
    return schema


# A page, a signature, and files of bytes.
SHOWN_BY_NOBODY = (
    "application/jose",
    "application/octet-stream",
    "application/pdf",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "text/html",
)
held, misfits, without = 0, [], []
for path, methods in document["paths"].items():
    for method, operation in methods.items():
        name = f"{method} {path}"
        contents = [("request", operation.get("requestBody", {}).get("content", {}))]
        contents += [(s, r.get("content", {})) for s, r in operation["responses"].items()]
        for where, content in contents:
            for media, body in content.items():
                examples = body.get("examples", {})
                if not examples and media not in SHOWN_BY_NOBODY:
                    without.append(f"{name} {where} {media}")
                validator = Draft202012Validator(absolute(body["schema"]), registry=registry)
                for example in examples.values():
                    held += 1
                    for error in validator.iter_errors(example["value"]):
                        misfits.append(f"{name} {where}: {error.json_path}: {error.message[:200]}")
print(json.dumps({"held": held, "misfits": misfits, "without": without}))
