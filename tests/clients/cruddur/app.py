"""Cruddur: a tiny Twitter-like API instrumented with four telemetry systems at once.

  OpenTelemetry (OTLP, e.g. Honeycomb) | AWS X-Ray (UDP daemon protocol) | Rollbar | WatchTower -> CloudWatch Logs

Two roles from the same file:  python app.py backend  (port 4567)   and   python app.py timeline  (port 4568).
The backend calls the timeline service over HTTP, so every trace spans two services. Every endpoint is taken from
the environment (see README.md); nothing leaves the machine unless you point it somewhere.
"""
import json
import logging
import os
import random
import signal
import sqlite3
import sys
import time
import uuid

import requests
from flask import Flask, Request, g, got_request_exception, has_request_context, jsonify, request
from opentelemetry import metrics, trace
from opentelemetry.trace import SpanKind, Status, StatusCode

ROLE = sys.argv[1] if len(sys.argv) > 1 else os.getenv("CRUDDUR_ROLE", "backend")
ENV = os.environ.get
SYSTEMS = set(ENV("CRUDDUR_TELEMETRY", "otel,xray,rollbar,logs").split(","))
SIGNALS = set(ENV("CRUDDUR_OTEL_SIGNALS", "traces").split(","))
SERVICE = ENV("OTEL_SERVICE_NAME") or f"cruddur-{ROLE}"
PORTS = {"backend": int(ENV("CRUDDUR_PORT", "4567")), "timeline": int(ENV("CRUDDUR_TIMELINE_PORT", "4568"))}
TIMELINE_URL = ENV("CRUDDUR_TIMELINE_URL", f"http://127.0.0.1:{PORTS['timeline']}")
STAGE = ENV("CRUDDUR_ENVIRONMENT", "development")
log = logging.getLogger("cruddur")
tracer = trace.get_tracer("cruddur", "1.0.0")


# ---------------------------------------------------------------- telemetry set-up, one function per system
def init_otel(app):
    """OTLP over HTTP/protobuf, HTTP/JSON (traces only) or gRPC, chosen by the standard OTEL_EXPORTER_OTLP_* variables."""
    from opentelemetry.instrumentation.flask import FlaskInstrumentor
    from opentelemetry.instrumentation.requests import RequestsInstrumentor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    protocol = ENV("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    grpc = protocol == "grpc"
    resource = Resource.create({"service.name": SERVICE, "service.version": "1.0.0", "deployment.environment.name": STAGE})
    if "traces" in SIGNALS:
        if grpc:
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        elif protocol == "http/json":
            from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
        else:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        provider = TracerProvider(resource=resource)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(provider)
    if "metrics" in SIGNALS:
        if grpc:
            from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
        else:
            from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        metrics.set_meter_provider(MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())], resource=resource))
    if "logs" in SIGNALS:
        if grpc:
            from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
        else:
            from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
        from opentelemetry._logs import set_logger_provider
        from opentelemetry.instrumentation.logging import LoggingInstrumentor
        from opentelemetry.sdk._logs import LoggerProvider
        from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
        logs = LoggerProvider(resource=resource)
        logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
        set_logger_provider(logs)
        LoggingInstrumentor().instrument(log_code_attributes=True)
    FlaskInstrumentor().instrument_app(app, excluded_urls="api/health-check")
    RequestsInstrumentor().instrument(excluded_urls="/api/1/item")   # else every Rollbar upload becomes a trace of its own


def init_xray(app):
    from aws_xray_sdk.core import patch, xray_recorder
    from aws_xray_sdk.ext.flask.middleware import XRayMiddleware

    xray_recorder.configure(
        service=SERVICE,
        dynamic_naming=ENV("AWS_XRAY_URL"),          # e.g. *4567-myworkspace.example.com*
        context_missing="IGNORE_ERROR",              # the exporters' own threads have no segment
        sampling=ENV("CRUDDUR_XRAY_SAMPLING", "off") == "on",   # on = ask the daemon for sampling rules
        plugins=(),
    )
    patch(["requests", "sqlite3"])                   # not botocore: it would trace WatchTower's own uploads
    XRayMiddleware(app, xray_recorder)
    return xray_recorder


def init_rollbar(app):
    import rollbar
    import rollbar.contrib.flask

    with app.app_context():
        rollbar.init(
            ENV("ROLLBAR_ACCESS_TOKEN", "0" * 32), STAGE,
            endpoint=ENV("ROLLBAR_ENDPOINT", rollbar.DEFAULT_ENDPOINT),   # the SDK itself reads no variable
            root=os.path.dirname(os.path.realpath(__file__)), branch="main", code_version=ENV("CRUDDUR_CODE_VERSION", "1.0.0"),
            allow_logging_basic_config=False, handler=ENV("ROLLBAR_HANDLER", "thread"), include_request_body=True,
            capture_username=True, capture_email=True)

    def add_ids(payload, **_):
        payload["data"].setdefault("custom", {}).update(correlation())
        return payload

    rollbar.events.add_payload_handler(add_ids)
    got_request_exception.connect(rollbar.contrib.flask.report_exception, app)   # weak reference: keep a module function
    return rollbar


def init_logs():
    """Root logger -> stderr and, through WatchTower, CloudWatch Logs."""
    root = logging.getLogger()
    root.setLevel(ENV("CRUDDUR_LOG_LEVEL", "INFO"))
    handlers = [logging.StreamHandler()] if ENV("CRUDDUR_STDERR", "1") == "1" else []
    if "logs" in SYSTEMS:
        import boto3
        import botocore.exceptions
        import watchtower
        client = boto3.client("logs", region_name=ENV("AWS_DEFAULT_REGION", "us-east-1"),      # botocore < 1.31 reads no variable
                              endpoint_url=ENV("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS") or ENV("AWS_ENDPOINT_URL"))
        try:
            handlers.append(watchtower.CloudWatchLogHandler(
                log_group_name=ENV("CRUDDUR_LOG_GROUP", "cruddur"), log_stream_name=f"{SERVICE}/{{machine_name}}",
                send_interval=int(ENV("CRUDDUR_LOG_INTERVAL", "5")), log_group_retention_days=14, boto3_client=client))
        except botocore.exceptions.BotoCoreError as e:      # the handler's constructor calls the API: endpoint down = app down
            print(f"CloudWatch Logs switched off: {e}", file=sys.stderr)
    for h in handlers:
        h.setFormatter(JsonFormatter() if ENV("CRUDDUR_LOG_FORMAT", "json") == "json" else TextFormatter())
        root.addHandler(h)
    logging.getLogger("werkzeug").setLevel("WARNING")
    logging.getLogger("aws_xray_sdk").setLevel("ERROR")


class JsonFormatter(logging.Formatter):
    def format(self, r):
        out = {"level": r.levelname, "logger": r.name, "service": SERVICE, "message": r.getMessage(), **correlation(), **getattr(r, "fields", {})}
        if r.exc_info:
            out["exception"] = self.formatException(r.exc_info)
        return json.dumps(out, default=str)


class TextFormatter(logging.Formatter):
    def format(self, r):
        ids = " ".join(f"{k}={v}" for k, v in correlation().items())
        text = f"{r.levelname} [{SERVICE}] {r.getMessage()} {ids}"
        return text + ("\n" + self.formatException(r.exc_info) if r.exc_info else "")


def correlation():
    """The ids that let a portal join one request across all four systems."""
    out = {}
    if ENV("CRUDDUR_LOG_IDS", "on") == "off":        # as backends log that nobody told of traces
        return out
    ctx = trace.get_current_span().get_span_context()
    if ctx.is_valid:
        out.update(trace_id=format(ctx.trace_id, "032x"), span_id=format(ctx.span_id, "016x"))
    if has_request_context():
        for k in ("xray_trace_id", "xray_segment_id", "request_id"):
            if g.get(k):
                out[k] = g.get(k)
    return out


class CruddurRequest(Request):
    @property
    def rollbar_person(self):                        # pyrollbar looks for exactly this attribute
        handle = self.headers.get("X-Cruddur-User")
        return {"id": str(sum(handle.encode())), "username": handle, "email": f"{handle}@example.com"} if handle else None


app = Flask("cruddur")
app.request_class = CruddurRequest
if "otel" in SYSTEMS:
    init_otel(app)
init_logs()
xray = init_xray(app) if "xray" in SYSTEMS else None
rollbar = init_rollbar(app) if "rollbar" in SYSTEMS else None
requests_total = metrics.get_meter("cruddur").create_counter("cruddur.requests", unit="{request}")
request_ms = metrics.get_meter("cruddur").create_histogram("cruddur.request.duration", unit="ms")


class subsegment:
    """X-Ray subsegment that turns into a no-op when X-Ray is switched off."""
    def __init__(self, name):
        self.cm = xray.in_subsegment(name) if xray else None

    def __enter__(self):
        self.sub = self.cm.__enter__() if self.cm else None
        return self

    def __exit__(self, *exc):
        return self.cm.__exit__(*exc) if self.cm else False     # X-Ray records the exception on the subsegment

    def annotate(self, **kv):
        for k, v in kv.items():
            if self.sub:
                self.sub.put_annotation(k, v)
        return self

    def metadata(self, key, value, namespace="default"):
        if self.sub:
            self.sub.put_metadata(key, value, namespace)
        return self


@app.before_request
def tag_request():
    g.t0, g.request_id = time.time(), request.headers.get("X-Request-Id") or str(uuid.uuid4())
    span = trace.get_current_span()
    user = request.headers.get("X-Cruddur-User", "anonymous")
    if xray and (seg := xray.current_segment()):
        g.xray_trace_id, g.xray_segment_id = seg.trace_id, seg.id
        seg.set_user(user)
        seg.put_annotation("otel_trace_id", format(span.get_span_context().trace_id, "032x"))
        seg.put_annotation("request_id", g.request_id)
        span.set_attribute("aws.xray.trace_id", seg.trace_id)
    span.set_attribute("app.request_id", g.request_id)
    span.set_attribute("enduser.id", user)


@app.after_request
def access_log(response):
    ms = round((time.time() - g.t0) * 1000, 2)
    dims = {"route": str(request.url_rule), "status": response.status_code}
    requests_total.add(1, dims)
    request_ms.record(ms, dims)
    level = logging.ERROR if response.status_code >= 500 else logging.WARNING if response.status_code >= 400 else logging.INFO
    log.log(level, "%s %s %s", request.method, request.full_path.rstrip("?"), response.status_code,
            extra={"fields": {"http.method": request.method, "http.path": request.path, "http.route": str(request.url_rule),
                              "http.status": response.status_code, "duration_ms": ms, "remote_addr": request.remote_addr,
                              "user": request.headers.get("X-Cruddur-User")}})
    response.headers["X-Request-Id"] = g.request_id
    return response


@app.errorhandler(500)
def on_error(e):
    # Reached after Flask logged the error and fired got_request_exception (Rollbar); X-Ray and OTel see it at teardown.
    return jsonify(error="internal server error", **correlation()), 500


# ---------------------------------------------------------------- storage (timeline role)
PEOPLE = ["andrew", "bayko", "shala", "yacub", "margaret", "chirag"]
DB_FILE = ENV("CRUDDUR_DB", f"/tmp/cruddur-{os.getpid()}.db")


def query(sql, args=()):
    """One SQL statement = one OTel CLIENT span; the patched sqlite3 module adds the X-Ray subsegment."""
    with tracer.start_as_current_span(f"{sql.split()[0]} cruddur", kind=SpanKind.CLIENT, attributes={
            "db.system.name": "sqlite", "db.namespace": "cruddur", "db.query.text": sql, "db.operation.name": sql.split()[0]}) as span:
        con = sqlite3.connect(DB_FILE)
        try:
            rows = con.cursor().execute(sql, args).fetchall()
            con.commit()
        finally:
            con.close()
        span.set_attribute("db.response.returned_rows", len(rows))
        return rows


def seed_db():
    con = sqlite3.connect(DB_FILE)
    con.executescript("drop table if exists activities; create table activities(id text, handle text, message text, likes int, created_at real);"
                      "drop table if exists messages; create table messages(id text, sender text, receiver text, message text, created_at real)")
    rng = random.Random(7)
    con.executemany("insert into activities values(?,?,?,?,?)", [
        (str(uuid.UUID(int=rng.getrandbits(128))), PEOPLE[i % 6], f"crud number {i}", rng.randrange(90), time.time() - i * 600) for i in range(60)])
    con.executemany("insert into messages values(?,?,?,?,?)", [
        (str(uuid.UUID(int=rng.getrandbits(128))), PEOPLE[i % 6], PEOPLE[(i + 1) % 6], f"hello {i}", time.time() - i * 60) for i in range(60)])
    con.commit()
    con.close()


class UserNotFound(Exception):
    pass


def timeline_get(path, **params):
    r = requests.get(TIMELINE_URL + path, params=params, timeout=5, headers={
        "X-Request-Id": g.request_id, "X-Cruddur-User": request.headers.get("X-Cruddur-User", "anonymous")})
    if r.status_code == 404:
        raise UserNotFound(path)
    r.raise_for_status()
    return r.json()


@app.get("/api/health-check")
def health():
    return {"ok": True, "role": ROLE}


if ROLE == "timeline":
    seed_db()

    @app.get("/timeline/home")
    def t_home():
        return jsonify([dict(zip(("id", "handle", "message", "likes"), r)) for r in
                        query("SELECT id, handle, message, likes FROM activities ORDER BY created_at DESC LIMIT 20")])

    @app.get("/timeline/user/<handle>")
    def t_user(handle):
        with subsegment("lookup-user") as sub:
            sub.annotate(handle=handle)
            if handle == "crash":
                raise sqlite3.OperationalError("no such table: users")
            rows = query("SELECT id, handle, message, likes FROM activities WHERE handle = ? ORDER BY created_at DESC", (handle,))
        return (jsonify([dict(zip(("id", "handle", "message", "likes"), r)) for r in rows]), 200 if rows else 404)

    @app.get("/timeline/notifications")
    def t_notifications():
        time.sleep(min(float(request.args.get("delay_ms", 0)), 5000) / 1000)
        return jsonify(query("SELECT handle, likes FROM activities WHERE likes > 50 LIMIT 10"))

    @app.get("/timeline/messages")
    def t_messages():
        # Deliberate N+1: one query per message, enough subsegments to make the X-Ray SDK stream them (threshold 30).
        ids = query("SELECT id FROM messages LIMIT ?", (int(request.args.get("n", 12)),))
        return jsonify([query("SELECT sender, receiver, message FROM messages WHERE id = ?", (i[0],))[0] for i in ids])

else:
    @app.get("/api/activities/home")
    def home():
        with tracer.start_as_current_span("home-activities-mock-data") as span, subsegment("mock-data") as sub:
            feed = timeline_get("/timeline/home")
            span.set_attribute("app.now", time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()))
            span.set_attribute("app.result_length", len(feed))
            span.add_event("feed.loaded", {"size": len(feed)})
            sub.annotate(result_length=len(feed), cache_hit=False).metadata("first", feed[0], "cruddur").metadata("now", time.time())
        log.info("home feed", extra={"fields": {"results": len(feed)}})
        return jsonify(feed)

    @app.get("/api/activities/notifications")
    def notifications():
        delay = request.args.get("delay_ms", "0")
        with tracer.start_as_current_span("notifications", attributes={"app.delay_ms": float(delay)}), subsegment("notifications") as sub:
            sub.annotate(slow=float(delay) > 500)
            rows = timeline_get("/timeline/notifications", delay_ms=delay)
        if float(delay) > 500:
            log.warning("slow notifications", extra={"fields": {"delay_ms": float(delay)}})
        return jsonify(rows)

    @app.get("/api/activities/@<handle>")
    def user_activities(handle):
        with tracer.start_as_current_span("user-activities", attributes={"app.handle": handle}):
            try:
                with subsegment("fetch-user") as sub:          # the exception is recorded on this subsegment, then handled
                    sub.annotate(handle=handle).metadata("request", dict(request.args), "cruddur")
                    rows = timeline_get(f"/timeline/user/{handle}")
            except UserNotFound:
                log.warning("no such user %s", handle)
                if rollbar:
                    rollbar.report_exc_info(request=request, level="warning", extra_data={"handle": handle})
                return jsonify(error="user not found", handle=handle), 404
            return jsonify(rows)

    @app.get("/api/messages")
    def messages():
        with tracer.start_as_current_span("messages"), subsegment("messages") as sub:
            rows = timeline_get("/timeline/messages", n=request.args.get("n", "12"))
            sub.annotate(count=len(rows))
        return jsonify(rows)

    @app.post("/api/messages")
    def post_message():
        body = request.get_json(force=True)
        if not body.get("message") or len(body["message"]) > 140:
            return jsonify(error="message must be 1-140 characters"), 422
        try:
            with subsegment("deliver") as sub:
                sub.annotate(receiver=body.get("receiver", ""))
                deliver(body)
        except ConnectionError as e:
            log.exception("delivery failed, queued")
            if rollbar:
                rollbar.report_exc_info(request=request, extra_data={"receiver": body.get("receiver"), "queued": True})
            trace.get_current_span().add_event("delivery.queued", {"reason": str(e)})
            return jsonify(queued=True), 202
        return jsonify(delivered=True), 201

    def deliver(body):
        if body.get("receiver") == "offline":
            raise ConnectionError("push gateway refused the connection")

    @app.get("/rollbar/test")
    def rollbar_test():
        if rollbar:
            rollbar.report_message("Hello World!", "warning", request=request, extra_data={"source": "rollbar_test"})
        return "Hello World!"

    @app.get("/api/boom/<kind>")
    def boom(kind):
        secret_token, password, attempt = "tok_live_123", "hunter2", 3     # locals: the SDK must scrub `password`
        if kind == "zero":
            return str(attempt / 0)
        if kind == "key":
            return {"a": 1}[secret_token]
        if kind == "chained":
            try:
                int("not-a-number")
            except ValueError as e:
                raise RuntimeError("could not parse the feed cursor") from e
        if kind == "deep":
            return str(recurse(12))
        raise RuntimeError(f"boom {kind} {uuid.uuid4()}")                  # unique message: must still group

    def recurse(n):
        return recurse(n - 1) if n else 1 // 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))      # so that the SDKs' atexit hooks flush
    app.run("127.0.0.1", PORTS[ROLE], threaded=True, use_reloader=False)
