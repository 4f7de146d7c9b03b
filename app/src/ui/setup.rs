//! How to point senders at this instance, with its real addresses: for Sources and for the empty portal.

use super::icon;
use crate::Host;
use leptos::prelude::*;
use model::port::Instance;

/// Where this instance takes telemetry, as URLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// The page's own address; it takes every HTTP protocol too.
    pub http: String,
    /// OTLP over HTTP: its own listener, or `http` if that is off.
    pub otlp_http: String,
    /// `None` if it does not listen.
    pub otlp_grpc: Option<String>,
    /// X-Ray's daemon protocol; `None` if it does not listen.
    pub xray: Option<String>,
}

impl Endpoints {
    /// The addresses as the viewer can reach them: where a listener takes every address, the host in the page's own URL.
    pub fn of(instance: &Instance, host: Option<Host>) -> Endpoints {
        let name = host.map(|host| host.name().to_owned());
        let url = |listener: &str| {
            let addr = instance.listeners.iter().find(|l| l.name == listener)?.addr.clone()?;
            let (ip, port) = addr.rsplit_once(':')?;
            let shown = match ip {
                "0.0.0.0" | "[::]" => name.as_deref().unwrap_or("localhost"),
                ip => ip,
            };
            Some(format!("http://{shown}:{port}"))
        };
        let http = url("http").unwrap_or_else(|| "http://127.0.0.1:3000".into());
        Endpoints { otlp_http: url("otlp_http").unwrap_or_else(|| http.clone()), otlp_grpc: url("otlp_grpc"), xray: url("xray"), http }
    }
}

/// One block of text to copy.
pub struct Block {
    pub id: &'static str,
    pub title: &'static str,
    pub about: &'static str,
    pub text: String,
}

/// One span from a shell, to see that it works.
pub fn first_span(to: &Endpoints) -> Block {
    let text = format!(
        r#"now=$(date +%s); hex() {{ od -An -tx1 -N"$1" /dev/urandom | tr -d ' \n'; }}
curl -i {}/v1/traces -H 'content-type: application/json' -d '{{"resourceSpans":[{{
  "resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"hello"}}}}]}},
  "scopeSpans":[{{"spans":[{{"traceId":"'$(hex 16)'","spanId":"'$(hex 8)'","name":"first span","kind":2,
    "startTimeUnixNano":"'$now'000000000","endTimeUnixNano":"'$now'250000000"}}]}}]}}]}}'"#,
        to.otlp_http
    );
    Block { id: "setup-curl", title: "One span from the shell", about: "Sends a single span, to see that it arrives.", text }
}

/// What every OpenTelemetry SDK reads from its environment.
pub fn environment(to: &Endpoints) -> Block {
    let text = format!(
        "export OTEL_SERVICE_NAME=my-service\n\
         export OTEL_EXPORTER_OTLP_ENDPOINT={}\n\
         export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\n\
         export OTEL_TRACES_EXPORTER=otlp OTEL_LOGS_EXPORTER=otlp OTEL_METRICS_EXPORTER=none",
        to.otlp_http
    );
    Block {
        id: "setup-env",
        title: "Any OpenTelemetry SDK",
        about: "Environment variables that every SDK reads. An already instrumented service needs nothing else.",
        text,
    }
}

/// How log lines get here.
pub fn logs(to: &Endpoints) -> [Block; 2] {
    let watchtower = format!(
        "export AWS_ENDPOINT_URL_CLOUDWATCH_LOGS={}\n\
         # the code stays as it is:\n\
         handler = watchtower.CloudWatchLogHandler(log_group_name=\"my-service\")\n\
         logging.getLogger().addHandler(handler)",
        to.http
    );
    let otlp = format!(
        "export OTEL_EXPORTER_OTLP_ENDPOINT={}\n\
         export OTEL_LOGS_EXPORTER=otlp\n\
         export OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED=true",
        to.otlp_http
    );
    [
        Block {
            id: "setup-logs-watchtower",
            title: "WatchTower, boto3 and whatever writes to CloudWatch Logs",
            about: "One variable; any region and keys do.",
            text: watchtower,
        },
        Block {
            id: "setup-logs-otlp", title: "OpenTelemetry’s log exporters", about: "Lines come with their trace and span.", text: otlp
        },
    ]
}

/// How errors get here.
pub fn errors(to: &Endpoints) -> [Block; 2] {
    let rollbar = format!(
        "# Python; the slash at the end matters\n\
         rollbar.init(\"any-token\", \"production\", endpoint=\"{0}/api/1/\")\n\
         // Node.js and browsers\n\
         new Rollbar({{ accessToken: \"any-token\", endpoint: \"{0}/api/1/item/\" }})",
        to.http
    );
    let otel = format!(
        "export OTEL_EXPORTER_OTLP_ENDPOINT={}\n\
         # exceptions that the SDK records on spans are errors; by hand:\n\
         trace.get_current_span().record_exception(error)",
        to.otlp_http
    );
    [
        Block { id: "setup-rollbar", title: "Rollbar’s SDKs", about: "One option; the token says which project it is.", text: rollbar },
        Block {
            id: "setup-errors-otel",
            title: "OpenTelemetry and X-Ray",
            about: "Exceptions in traces and in log records become errors by themselves, and so do the causes that X-Ray’s SDKs send.",
            text: otel,
        },
    ]
}

/// Every block, most used first.
pub fn blocks(to: &Endpoints) -> Vec<Block> {
    let http = &to.otlp_http;
    let mut blocks = vec![
        environment(to),
        Block {
            id: "setup-python",
            title: "Python",
            about: "Instruments Flask, Django, FastAPI, requests, psycopg and others without a change to the code.",
            text: format!(
                "pip install opentelemetry-distro opentelemetry-exporter-otlp\n\
                 opentelemetry-bootstrap -a install\n\
                 OTEL_SERVICE_NAME=my-service \\\n\
                 OTEL_EXPORTER_OTLP_ENDPOINT={http} \\\n\
                 OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf \\\n\
                 OTEL_LOGS_EXPORTER=otlp OTEL_METRICS_EXPORTER=none \\\n\
                 opentelemetry-instrument flask run"
            ),
        },
        Block {
            id: "setup-node",
            title: "Node.js",
            about: "Instruments http, Express, Fastify, pg, Redis and others without a change to the code.",
            text: format!(
                "npm install @opentelemetry/api @opentelemetry/auto-instrumentations-node\n\
                 OTEL_SERVICE_NAME=my-service \\\n\
                 OTEL_EXPORTER_OTLP_ENDPOINT={http} \\\n\
                 OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf \\\n\
                 OTEL_LOGS_EXPORTER=otlp OTEL_METRICS_EXPORTER=none \\\n\
                 NODE_OPTIONS='--require @opentelemetry/auto-instrumentations-node/register' \\\n\
                 node app.js"
            ),
        },
        Block {
            id: "setup-go",
            title: "Go",
            about: "The exporter reads OTEL_EXPORTER_OTLP_ENDPOINT; an http:// address needs no WithInsecure.",
            text: format!(
                "// OTEL_SERVICE_NAME=my-service OTEL_EXPORTER_OTLP_ENDPOINT={http}\n\
                 exporter, err := otlptracehttp.New(ctx) // go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp\n\
                 if err != nil {{\n\treturn err\n}}\n\
                 provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))\n\
                 defer provider.Shutdown(ctx)\n\
                 otel.SetTracerProvider(provider)"
            ),
        },
        Block {
            id: "setup-collector",
            title: "OpenTelemetry Collector",
            about: "Adds Clew beside what the collector exports to already.",
            text: format!(
                "exporters:\n  otlphttp/clew:\n    endpoint: {http}\n    compression: zstd\nservice:\n  pipelines:\n    traces:\n      exporters: [otlphttp/clew]  # besides those you have"
            ),
        },
        Block {
            id: "setup-honeycomb",
            title: "A service set up for Honeycomb",
            about: "Change the address and keep the headers: the dataset is kept with each span, and can be searched as dataset:…",
            text: format!(
                "export OTEL_EXPORTER_OTLP_ENDPOINT={http}   # was https://api.honeycomb.io\n\
                 export OTEL_EXPORTER_OTLP_HEADERS=x-honeycomb-team=any-key,x-honeycomb-dataset=my-dataset"
            ),
        },
    ];
    blocks.push(Block {
        id: "setup-cloudwatch",
        title: "CloudWatch Logs: WatchTower, boto3, the AWS CLI",
        about: "Clew answers in CloudWatch's place. Any region does, and any keys unless Clew was started with --keys.",
        text: format!(
            "export AWS_ENDPOINT_URL_CLOUDWATCH_LOGS={0}   # boto3 1.28 or later\n\
             export AWS_ENDPOINT_URL_STS={0}   # WatchTower asks it if log_group_tags are set\n\
             # an older boto3 reads no variables:\n\
             # CloudWatchLogHandler(boto3_client=boto3.client(\"logs\", endpoint_url=\"{0}\"))\n\
             aws logs filter-log-events --log-group-name my-group --endpoint-url {0}",
            to.http
        ),
    });
    if let Some(xray) = &to.xray {
        let daemon = xray.trim_start_matches("http://");
        blocks.push(Block {
            id: "setup-xray",
            title: "AWS X-Ray SDKs, boto3 and the AWS CLI",
            about: "Clew answers in place of X-Ray's daemon and of its API.",
            text: format!(
                "export AWS_XRAY_DAEMON_ADDRESS={daemon}   # X-Ray's SDKs\n\
                 export AWS_ENDPOINT_URL_XRAY={xray}   # boto3 and the AWS CLI; any region and keys do"
            ),
        });
    }
    if let Some(grpc) = &to.otlp_grpc {
        blocks.insert(
            5,
            Block {
                id: "setup-grpc",
                title: "Over gRPC",
                about: "For SDKs without an HTTP exporter; plain text, no TLS.",
                text: format!(
                    "export OTEL_EXPORTER_OTLP_ENDPOINT={grpc}\n\
                     export OTEL_EXPORTER_OTLP_PROTOCOL=grpc\n\
                     export OTEL_EXPORTER_OTLP_INSECURE=true"
                ),
            },
        );
    }
    blocks.push(first_span(to));
    blocks
}

/// A text with a copy button.
#[component]
pub fn Code(id: &'static str, text: String, label: &'static str) -> impl IntoView {
    view! {
        <div class="code">
            <pre id=id tabindex="0" aria-label=label>{text}</pre>
            <button type="button" class="button quiet icon needs-js" data-copy-from=id aria-label=format!("Copy: {label}") title="Copy"><icon::Copy/></button>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::port::Listener;

    #[test]
    fn addresses_are_the_instances_own() {
        let listener =
            |name: &str, addr: Option<&str>| Listener { name: name.into(), addr: addr.map(str::to_owned), warning: None, note: None };
        let mut instance = Instance {
            listeners: vec![
                listener("http", Some("0.0.0.0:8080")),
                listener("otlp_http", None),
                listener("otlp_grpc", Some("127.0.0.1:4317")),
            ],
            warnings: vec![],
            version: String::new(),
            retention_days: 30,
            disk_bytes: 0,
            spans: 0,
            has_demo: false,
        };
        let to = Endpoints::of(&instance, Some(Host("clew.example:8080".into())));
        assert_eq!(to.http, "http://clew.example:8080");
        assert_eq!(to.otlp_http, to.http);
        assert_eq!(to.otlp_grpc.as_deref(), Some("http://127.0.0.1:4317"));
        instance.listeners.pop();
        assert!(blocks(&Endpoints::of(&instance, None)).iter().all(|block| !block.text.contains("grpc")));
    }
}
