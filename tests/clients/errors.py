"""pyrollbar, pointed at Clew in all the ways people point it, with errors of every kind. Prints what it logged of its own troubles.

    python errors.py http://127.0.0.1:3000 TOKEN
"""
import io
import json
import logging
import sys

import rollbar

base, token = sys.argv[1:3]
troubles = io.StringIO()
logging.getLogger("rollbar").addHandler(logging.StreamHandler(troubles))
rollbar.init(token, "production", handler="blocking", endpoint=base + "/api/1/", code_version="1.2.3", root="/srv/shop")


def fail(secret_token="tok_live_123", password="hunter2"):
    try:
        int("no number")
    except ValueError as error:
        raise RuntimeError("the cart cannot be read") from error


# With the slash left out, with the bare base, with the whole address of items.
for endpoint in ("/api/1/", "/api/1", "/", "/api/1/item/"):
    rollbar.SETTINGS["endpoint"] = base + endpoint
    rollbar.report_message(f"sent to {endpoint}", "info", extra_data={"where": endpoint})
rollbar.SETTINGS["endpoint"] = base + "/api/1/"
for _ in range(2):
    try:
        fail()
    except RuntimeError:
        rollbar.report_exc_info(level="critical", payload_data={"person": {"id": "7", "username": "ann"}})
# Not JSON, as Python writes it.
rollbar.report_message("not a number", extra_data={"ratio": float("nan"), "half": "\ud83d"})
before = troubles.getvalue()
# Too large for anybody: refused, and what pyrollbar then says of that is taken, so that it ends.
rollbar.report_message("x" * (5 << 20), "error")
print(json.dumps({"troubles": before, "refused": troubles.getvalue()[len(before):]}))
