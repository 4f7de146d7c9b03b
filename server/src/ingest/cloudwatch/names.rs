//! Names of log groups and streams, and the ARNs made of them.

use super::envelope::{ACCOUNT, Failure, required};

/// A group's name as it is sent, which may be the group's ARN.
pub fn group_of(identifier: &str) -> &str {
    let Some((_, name)) = identifier.split_once(":log-group:") else { return identifier };
    if !identifier.starts_with("arn:") {
        return identifier;
    }
    name.split(':').next().unwrap_or(name)
}

/// The name of a group, if it can be one.
pub fn group_name<'a>(name: Option<&'a str>, member: &str) -> Result<&'a str, Failure> {
    let name = check_length(group_of(required(name, member)?), member)?;
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte)) {
        return Ok(name);
    }
    Err(Failure::constraint(format!("'{name}'"), member, "satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+"))
}

/// The name of a stream, if it can be one.
pub fn stream_name<'a>(name: Option<&'a str>, member: &str) -> Result<&'a str, Failure> {
    let name = check_length(required(name, member)?, member)?;
    if name.contains([':', '*']) {
        return Err(Failure::constraint(format!("'{name}'"), member, "satisfy regular expression pattern: [^:*]*"));
    }
    Ok(name)
}

fn check_length<'a>(name: &'a str, member: &str) -> Result<&'a str, Failure> {
    if name.is_empty() {
        return Err(Failure::constraint("''", member, "have length greater than or equal to 1"));
    }
    if name.chars().count() > 512 {
        return Err(Failure::invalid("Invalid LogGroup or LogStream, both must have length less than or equal to 512."));
    }
    Ok(name)
}

/// Without the `:*` that AWS has at the end of some.
pub fn group_arn(region: &str, group: &str) -> String {
    format!("arn:aws:logs:{region}:{ACCOUNT}:log-group:{group}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_by_name_and_by_arn() {
        for (identifier, group) in [
            ("a/b", "a/b"),
            ("arn:aws:logs:us-east-1:123456789012:log-group:g1", "g1"),
            ("arn:aws:logs:us-east-1:123456789012:log-group:/a/b:*", "/a/b"),
            ("x:log-group:y", "x:log-group:y"),
        ] {
            assert_eq!(group_of(identifier), group);
        }
        assert_eq!(group_name(Some("/aws/lambda/f-1_x.#"), "g"), Ok("/aws/lambda/f-1_x.#"));
        for wrong in [None, Some(""), Some("a b"), Some("é"), Some("x:log-group:y")] {
            assert_eq!(group_name(wrong, "g").unwrap_err().kind, "InvalidParameterException");
        }
        assert!(group_name(Some(&"x".repeat(513)), "g").unwrap_err().message.ends_with("less than or equal to 512."));
        assert!(stream_name(Some("a:b"), "s").is_err() && stream_name(Some("a/[$LATEST]é"), "s").is_ok());
    }
}
