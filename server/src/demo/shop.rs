//! The demo's world: a yarn shop's services, what they are written in, and what was deployed when.

use super::random::Random;
use super::value::{Attribute, attribute};
use model::time::{HOUR, MINUTE, Nanos};

/// A service of the shop. The discriminant indexes [`PROFILES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    Storefront,
    Gateway,
    Catalog,
    Search,
    Recommendation,
    Cart,
    Checkout,
    Payments,
    Inventory,
    Accounts,
    Fulfilment,
    Mailer,
    Importer,
}

/// The language a service is written in decides its SDK, its scopes and how its stack traces look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Node,
    Go,
    Java,
    Python,
}

/// Which generation of the semantic conventions a service's instrumentation emits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conventions {
    /// `http.method`, `http.status_code`, `db.statement`: what is still out there, Python first of all.
    Old,
    /// `http.request.method`, `http.response.status_code`, `db.query.text`.
    New,
}

/// What is fixed about a service.
pub struct Profile {
    pub name: &'static str,
    pub language: Language,
    pub conventions: Conventions,
    /// Processes it runs as.
    pub instances: u64,
    /// Deployed through the day: (hours before now, version), oldest first. The first is older than the day.
    pub releases: &'static [(f64, &'static str)],
}

/// In the order of [`Service`].
pub const PROFILES: [Profile; 13] = [
    profile("storefront", Language::Node, Conventions::New, 3, &[(99.0, "4.18.0"), (15.2, "4.19.0"), (3.1, "4.19.1")]),
    profile("api-gateway", Language::Go, Conventions::New, 2, &[(99.0, "1.9.3")]),
    profile("catalog", Language::Node, Conventions::New, 2, &[(99.0, "2.31.0"), (11.4, "2.32.0")]),
    profile("search", Language::Java, Conventions::New, 2, &[(99.0, "0.44.1")]),
    profile("recommendation", Language::Python, Conventions::Old, 2, &[(99.0, "2026.11.1"), (18.0, "2026.11.2")]),
    profile("cart", Language::Go, Conventions::New, 2, &[(99.0, "1.22.0")]),
    profile("checkout", Language::Java, Conventions::New, 2, &[(99.0, "3.7.2"), (REGRESSION.0, BAD_CHECKOUT), (REGRESSION.1, "3.8.1")]),
    profile("payments", Language::Python, Conventions::Old, 2, &[(99.0, "1.14.0"), (20.5, "1.14.1")]),
    profile("inventory", Language::Go, Conventions::New, 3, &[(99.0, "0.12.5")]),
    profile("accounts", Language::Java, Conventions::Old, 2, &[(99.0, "5.2.0")]),
    profile("fulfilment-worker", Language::Python, Conventions::Old, 2, &[(99.0, "0.8.9"), (13.3, "0.9.0")]),
    profile("mailer", Language::Node, Conventions::New, 1, &[(99.0, "1.3.0")]),
    profile("catalog-importer", Language::Go, Conventions::New, 1, &[(99.0, "0.3.1")]),
];

/// Hours before now between which checkout ran the release that reads each order line on its own and sometimes fails.
const REGRESSION: (f64, f64) = (8.6, 6.2);

/// The release of checkout that regressed.
pub const BAD_CHECKOUT: &str = "3.8.0";

/// How far the clock of [`SKEWED`]'s second instance is ahead.
pub const SKEW: Nanos = 340_000_000;

/// The service with a wrong clock.
pub const SKEWED: Service = Service::Inventory;

const fn profile(
    name: &'static str,
    language: Language,
    conventions: Conventions,
    instances: u64,
    releases: &'static [(f64, &'static str)],
) -> Profile {
    Profile { name, language, conventions, instances, releases }
}

impl Service {
    pub fn profile(self) -> &'static Profile {
        &PROFILES[self as usize]
    }

    pub fn name(self) -> &'static str {
        self.profile().name
    }
}

/// One process of a service running one release: what OpenTelemetry calls a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Process {
    pub service: Service,
    pub instance: u64,
    pub version: &'static str,
}

impl Process {
    /// The process that handles a request of this trace at this time.
    pub fn of(service: Service, trace_id: &[u8; 16], at: Nanos, now: Nanos) -> Process {
        let profile = service.profile();
        let hash = u64::from(trace_id[15]) ^ u64::from(trace_id[7]) << 3 ^ service as u64;
        let age = now - at;
        let version = profile.releases.iter().rev().find(|(hours, _)| age <= (hours * HOUR as f64) as Nanos);
        Process { service, instance: hash % profile.instances, version: version.map_or(profile.releases[0].1, |(_, version)| version) }
    }

    /// How far this process's clock is ahead of the right time.
    pub fn skew(self) -> Nanos {
        if self.service == SKEWED && self.instance == 1 { SKEW } else { 0 }
    }

    /// The resource attributes its SDK sends.
    pub fn resource(self) -> Vec<Attribute> {
        let profile = self.service.profile();
        // A pod is replaced by every deployment: its name follows from service, instance and version.
        let mut names = Random::new(
            self.version.bytes().fold(self.service as u64 * 31 + self.instance, |hash: u64, byte| hash.wrapping_mul(131) ^ u64::from(byte)),
        );
        let pod = format!("{}-{:010x}-{:05x}", profile.name, names.next() >> 24, names.next() >> 44);
        let (language, runtime, runtime_version, sdk) = match profile.language {
            Language::Node => ("nodejs", "nodejs", "24.11.0", "2.2.0"),
            Language::Go => ("go", "go", "go1.25.4", "1.39.0"),
            Language::Java => ("java", "OpenJDK Runtime Environment", "25.0.1+8", "1.56.0"),
            Language::Python => ("python", "CPython", "3.13.9", "1.39.1"),
        };
        let environment = match profile.conventions {
            Conventions::Old => "deployment.environment",
            Conventions::New => "deployment.environment.name",
        };
        vec![
            attribute("service.name", profile.name),
            attribute("service.namespace", "yarn-shop"),
            attribute("service.version", self.version),
            attribute("service.instance.id", pod.clone()),
            attribute(environment, "production"),
            attribute("telemetry.sdk.language", language),
            attribute("telemetry.sdk.name", "opentelemetry"),
            attribute("telemetry.sdk.version", sdk),
            attribute("process.runtime.name", runtime),
            attribute("process.runtime.version", runtime_version),
            attribute("process.pid", names.between(1, 60) as i64),
            attribute("host.name", format!("node-{}", (self.instance + self.service as u64) % 4 + 1)),
            attribute("cloud.region", "eu-central-1"),
            attribute("cloud.availability_zone", *names.pick(&["eu-central-1a", "eu-central-1b"])),
            attribute("k8s.namespace.name", "shop"),
            attribute("k8s.pod.name", pod),
        ]
    }
}

/// How busy the shop is at a moment of the UTC day, 0 to 1: quiet before dawn, a bump at lunch, the peak in the evening.
pub fn busyness(at: Nanos) -> f64 {
    let hour = at.rem_euclid(24 * HOUR) as f64 / HOUR as f64;
    let hill = |centre: f64, width: f64| {
        let distance = (hour - centre + 36.0).rem_euclid(24.0) - 12.0;
        (-(distance / width).powi(2)).exp()
    };
    0.12 + 0.5 * hill(12.5, 3.5) + 0.88 * hill(19.5, 3.0)
}

/// A newsletter goes out half an hour before the regression is rolled back: three times the visitors for 20 minutes.
pub fn rush(at: Nanos, now: Nanos) -> f64 {
    let since = (now - (REGRESSION.1 * HOUR as f64) as Nanos - 30 * MINUTE) - at;
    if (-20 * MINUTE..0).contains(&since) { 3.0 } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_follow_one_another() {
        let now = 1_790_000_000_000_000_000;
        let version = |hours_ago: f64| Process::of(Service::Checkout, &[1; 16], now - (hours_ago * HOUR as f64) as Nanos, now).version;
        assert_eq!([version(23.0), version(8.0), version(1.0)], ["3.7.2", BAD_CHECKOUT, "3.8.1"]);
    }

    #[test]
    fn evenings_are_busier_than_nights() {
        assert!(busyness(19 * HOUR) > 5.0 * busyness(4 * HOUR));
        assert!((0..48).all(|half| (0.0..=1.1).contains(&busyness(half * 30 * MINUTE))));
    }
}
