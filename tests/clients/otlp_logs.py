"""Python's logging through OpenTelemetry's LoggingHandler: prints the ids of the trace it logged in.

  python otlp_logs.py http/protobuf http://127.0.0.1:4318
"""
import json
import logging
import sys
import warnings

warnings.simplefilter("ignore", DeprecationWarning)  # LoggingHandler is moving to another package

from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

protocol, endpoint = sys.argv[1:]
if protocol == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    exporter = OTLPLogExporter(endpoint=endpoint, insecure=True)
else:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    exporter = OTLPLogExporter(endpoint=f"{endpoint}/v1/logs")

resource = Resource.create({"service.name": "cart", "service.instance.id": "cart-1", "host.name": "web-1",
                            "deployment.environment.name": "staging"})
provider = LoggerProvider(resource=resource)
provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
logging.getLogger().addHandler(LoggingHandler(logger_provider=provider))
log = logging.getLogger("app.cart")
log.setLevel(logging.DEBUG)

log.debug("outside of any trace")
with TracerProvider(resource=resource).get_tracer("test").start_as_current_span("request") as span:
    log.info("cart of %s has %d items", "andrew", 3, extra={"user": "andrew", "items": 3})
    log.error("127.0.0.1 GET http /api/cart? 200 OK")
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("division failed")
    context = span.get_span_context()
log.critical('{"event": "shutdown", "password": "hunter2"}')
provider.shutdown()
print(json.dumps({"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}))
