//! Which of two versions is older: by their numbers if they are numbers, else by their deploys, else by when they were first seen.

use model::time::Nanos;
use sqlx::SqliteConnection;

pub const DEPLOYED: &str = "SELECT count(*) FROM error_deploy WHERE started > ?2 AND started <= ?3 AND environment IN (?1, '')
    AND status IN ('started', 'succeeded')";
pub const DEPLOY_OF: &str = "SELECT min(started) FROM error_deploy WHERE revision = ?1 AND environment IN (?2, '')";
pub const FIRST_SEEN: &str = "SELECT first_seen FROM error_version WHERE project = ?1 AND environment = ?2 AND version = ?3";

/// Whether there was a deploy after one moment, up to another.
pub async fn deployed(to: &mut SqliteConnection, environment: &str, after: Nanos, until: Nanos) -> Result<bool, sqlx::Error> {
    let deploys: i64 = sqlx::query_scalar(DEPLOYED).bind(environment).bind(after).bind(until).fetch_one(&mut *to).await?;
    Ok(deploys > 0)
}

/// Whether `version` came before `than`; what is not known did not.
pub async fn is_older(to: &mut SqliteConnection, project: &str, environment: &str, version: &str, than: &str) -> Result<bool, sqlx::Error> {
    if version.is_empty() || version == than {
        return Ok(false);
    }
    if let (Some(a), Some(b)) = (numbers(version), numbers(than)) {
        return Ok(a < b);
    }
    let deploy = async |to: &mut SqliteConnection, version: &str| -> Result<Option<Nanos>, sqlx::Error> {
        sqlx::query_scalar(DEPLOY_OF).bind(version).bind(environment).fetch_one(&mut *to).await
    };
    if let (Some(a), Some(b)) = (deploy(to, version).await?, deploy(to, than).await?) {
        return Ok(a < b);
    }
    let seen = async |to: &mut SqliteConnection, version: &str| -> Result<Option<Nanos>, sqlx::Error> {
        sqlx::query_scalar(FIRST_SEEN).bind(project).bind(environment).bind(version).fetch_optional(&mut *to).await
    };
    Ok(match (seen(to, version).await?, seen(to, than).await?) {
        (Some(a), Some(b)) => a < b,
        // The version that has the repair was not seen yet.
        (Some(_), None) => true,
        _ => false,
    })
}

/// Of `1.2.3`, `v1.2.3-rc.1` or `17` the numbers, and last whether it is a release rather than before one.
fn numbers(version: &str) -> Option<(Vec<u64>, bool)> {
    let version = version.strip_prefix(['v', 'V']).unwrap_or(version);
    let version = version.split('+').next().unwrap_or_default();
    let (core, before) = version.split_once('-').map_or((version, None), |(core, before)| (core, Some(before)));
    let mut numbers: Vec<u64> = core.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    Some((numbers, before.is_none()))
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn versions_are_in_the_order_of_their_numbers() {
        for (older, newer) in [("1.9", "1.10"), ("v1.2.3", "1.2.4"), ("1.0.0-rc.1", "1.0.0"), ("41", "42"), ("1", "1.0.1")] {
            assert!(numbers(older).unwrap() < numbers(newer).unwrap(), "{older} {newer}");
        }
        assert_eq!(numbers("1.0"), numbers("1"));
        for text in ["", "a1b2c3d", "release-7"] {
            assert_eq!(numbers(text), None, "{text}");
        }
    }
}
