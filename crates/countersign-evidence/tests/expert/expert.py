"""An expert of the court: verifies bundles by docs/spec and the standards alone.

    python3 expert.py VERIFY.md certificate.html

reads requests from standard input until it ends: two lengths on a line, then as many bytes of the
trust policy in JSON and of the bundle. Says `ready` first, and answers each request with one line
of JSON.
"""

import json
import sys
from datetime import timedelta

from forms import EPOCH, time
from verify import FAILED, Trust, verify


def main():
    published = {}
    for name, path in zip(("VERIFY.md", "certificate.html"), sys.argv[1:]):
        with open(path, "rb") as file:
            published[name] = file.read()
    print("ready", flush=True)
    requests, trusts = sys.stdin.buffer, {}
    while line := requests.readline():
        policy, bundle = (requests.read(int(length)) for length in line.split())
        if policy not in trusts:
            given = json.loads(policy)
            trusts[policy] = Trust(given), EPOCH + timedelta(milliseconds=time(given["now"]))
        trust, now = trusts[policy]
        report = verify(bundle, trust, now, published)
        required = trust.required()
        answer = {
            "accepted": report.accepted(required),
            "failed": [[claim, member, why] for claim, member, status, why in report.lines if status == FAILED],
            "proved": sorted(report.proved()),
        }
        print(json.dumps(answer), flush=True)


main()
