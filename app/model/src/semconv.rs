//! Old and new names of the same OpenTelemetry attribute, so that one query finds both.
//! Source: OpenTelemetry semantic conventions, the HTTP, database and deployment migration guides.

/// Groups of names for the same thing; the current name first.
const RENAMED: &[&[&str]] = &[
    &["http.request.method", "http.method"],
    &["http.response.status_code", "http.status_code"],
    &["url.full", "http.url"],
    &["url.path", "http.target"],
    &["url.scheme", "http.scheme"],
    &["client.address", "http.client_ip", "net.peer.ip"],
    &["server.address", "net.peer.name", "net.host.name", "http.host"],
    &["server.port", "net.peer.port", "net.host.port"],
    &["network.peer.address", "net.sock.peer.addr"],
    &["network.peer.port", "net.sock.peer.port"],
    &["network.protocol.version", "http.flavor"],
    &["user_agent.original", "http.user_agent"],
    &["http.request.body.size", "http.request_content_length"],
    &["http.response.body.size", "http.response_content_length"],
    &["db.system.name", "db.system"],
    &["db.namespace", "db.name"],
    &["db.query.text", "db.statement"],
    &["db.operation.name", "db.operation"],
    &["db.collection.name", "db.sql.table", "db.mongodb.collection"],
    &["deployment.environment.name", "deployment.environment"],
    &["rpc.system.name", "rpc.system"],
    &["messaging.operation.type", "messaging.operation"],
    &["code.function.name", "code.function"],
    &["code.file.path", "code.filepath"],
    &["code.line.number", "code.lineno"],
];

/// Every name of the attribute, the current one first; only `name` itself if it never changed.
pub fn names(name: &str) -> Vec<&str> {
    match group(name) {
        Some(group) => group.to_vec(),
        None => vec![name],
    }
}

/// The current name of the attribute.
pub fn current(name: &str) -> &str {
    group(name).map_or(name, |group| group[0])
}

fn group(name: &str) -> Option<&'static [&'static str]> {
    RENAMED.iter().find(|group| group.contains(&name)).copied()
}

#[cfg(test)]
mod tests {
    #[test]
    fn old_and_new_names_are_one() {
        assert_eq!(super::names("http.status_code"), ["http.response.status_code", "http.status_code"]);
        assert_eq!(super::names("http.route"), ["http.route"]);
        assert_eq!(super::current("db.statement"), "db.query.text");
    }
}
