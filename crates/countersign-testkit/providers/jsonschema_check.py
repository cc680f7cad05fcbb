"""jsonschema_check.py FILE SCHEMA: for each line of the file, one JSON text, prints one line: what
the schema has against it, or nothing.
"""

import json
import sys

from jsonschema import Draft202012Validator

with open(sys.argv[2], encoding="utf-8") as file:
    schema = json.load(file)
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
with open(sys.argv[1], encoding="utf-8", newline="\n") as lines:
    for line in lines:
        error = next(validator.iter_errors(json.loads(line)), None)
        said = "" if error is None else f"{error.json_path}: {error.message}"
        print(" ".join(said.split()))
