//! Which group and which occurrence each witness of a batch is of, and what that adds to the catalog.

use super::assign::{self, Occ, Throws};
use super::bulk::rows;
use super::catalog::{self, Better, Changes, NewGroup, hour_of};
use super::prepare::{self, Prepared, person_hash};
use model::error::{ErrorLevel, Witness, WitnessFamily};
use rustc_hash::{FxHashMap, FxHashSet};
use sqlx::SqliteConnection;

/// What is found out while a batch is placed.
#[derive(Default)]
pub struct Work {
    pub changes: Changes,
    numbers: FxHashMap<(String, String, String), u64>,
    services: FxHashMap<String, Option<String>>,
    last_number: Option<u64>,
}

const SERVICE: &str = "SELECT service FROM error_service WHERE project = ?1";

impl Work {
    /// Adds to these changes.
    pub fn of(changes: Changes) -> Work {
        Work { changes, ..Work::default() }
    }

    /// Finds or makes the occurrence of a witness; returns its place among them.
    pub async fn place(&mut self, catalog: &mut SqliteConnection, throws: &mut Throws, one: &Prepared) -> Result<usize, sqlx::Error> {
        let service = self.service(catalog, &one.witness).await?;
        let matching = throws.matching(one, &service);
        let Some((&best, others)) = matching.split_first() else {
            let number = self.number(catalog, one, &service).await?;
            let occ = assign::occurrence(one, number, &service);
            self.count(&occ);
            return Ok(throws.add(occ));
        };
        throws.join(best, one, &service);
        for other in others {
            let (a, b) = (&throws.occs[best], &throws.occs[*other]);
            // Only the witness that names both requests shows that they are one.
            if a.day == b.day && throws.compatible(&b.stored.seen, &a.stored.seen) {
                throws.fold(*other, best, one.witness.seq);
                let gone = throws.occs[*other].clone();
                self.uncount(&gone, throws.occs[best].number);
            }
        }
        let occ = &mut throws.occs[best];
        let delta = self.changes.deltas.entry(occ.number).or_default();
        delta.families |= family_bit(one.witness.family());
        for (kind, value) in &one.values {
            if *kind != prepare::PATH && !occ.stored.values.iter().any(|(known, _)| known == kind) {
                *delta.values.entry((*kind, value.clone())).or_default() += 1;
                occ.stored.values.push((*kind, value.clone()));
            }
        }
        delta.people.extend(occ.stored.person.as_ref().map(person_hash));
        let source = source_rank(one.witness.family());
        if delta.better.as_ref().is_none_or(|better| better.source < source) {
            let class = one.keys.classes.first().cloned().unwrap_or_default();
            let (title, file) = (one.keys.title.clone(), one.keys.file.clone());
            delta.better = Some(Better { source, title, level: level_number(one.witness.level), class, file });
        }
        let (number, project) = (occ.number, one.witness.project.to_string());
        let seen_in = occ.stored.seen.iter().find(|seen| seen.family != WitnessFamily::Rollbar && !seen.service.is_empty());
        let rollbar = occ.stored.seen.iter().any(|seen| seen.family == WitnessFamily::Rollbar);
        if rollbar && let Some(seen) = seen_in {
            // Of its project is known now which service it is.
            let of = if one.witness.family() == WitnessFamily::Rollbar { project.clone() } else { occ.stored.project.clone() };
            let learned = self.services.entry(of.clone()).or_default();
            if of != seen.service && learned.as_ref() != Some(&seen.service) {
                let known = learned.replace(seen.service.clone());
                if known.is_some() {
                    // The token is of several services.
                    *learned = Some(String::new());
                }
                self.changes.services.push((of, seen.service.clone()));
            }
            // What was learned of the token is less sure than what the other system says of this throw.
            self.changes.named.push((number, seen.service.clone()));
        }
        let alias = (project, one.witness.environment.clone(), one.keys.group.clone());
        match self.numbers.get(&alias) {
            None => self.name(alias, number),
            Some(other) if *other != number => self.changes.joined.push((*other, number)),
            Some(_) => {}
        }
        Ok(best)
    }

    async fn service(&mut self, catalog: &mut SqliteConnection, witness: &Witness) -> Result<String, sqlx::Error> {
        if !witness.service.is_empty() || witness.family() != WitnessFamily::Rollbar {
            return Ok(witness.service.clone());
        }
        if let Some(known) = self.services.get(&*witness.project) {
            return Ok(known.clone().unwrap_or_default());
        }
        let learned: Option<String> = sqlx::query_scalar(SERVICE).bind(&*witness.project).fetch_optional(catalog).await?;
        self.services.insert(witness.project.to_string(), learned.clone());
        Ok(learned.unwrap_or_default())
    }

    /// Finds the groups that there are for the keys of a batch.
    pub async fn look_up(&mut self, catalog: &mut SqliteConnection, prepared: &[Prepared]) -> Result<(), sqlx::Error> {
        let keys = prepared.iter().flat_map(|one| [Some(&one.keys.group), one.before.as_ref()]).flatten();
        let wanted: FxHashSet<&str> = keys.map(String::as_str).collect();
        let query =
            sqlx::query_as::<_, (String, String, String, i64)>(catalog::ALIASES).bind(rows(&wanted.into_iter().collect::<Vec<_>>())?);
        for (project, environment, fingerprint, number) in query.fetch_all(catalog).await? {
            self.numbers.insert((project, environment, fingerprint), number.cast_unsigned());
        }
        Ok(())
    }

    /// The group of a witness that is an occurrence of its own, made if it is new.
    async fn number(&mut self, catalog: &mut SqliteConnection, one: &Prepared, service: &str) -> Result<u64, sqlx::Error> {
        let (witness, keys) = (&one.witness, &one.keys);
        let alias = (witness.project.to_string(), witness.environment.clone(), keys.group.clone());
        if let Some(number) = self.numbers.get(&alias) {
            return Ok(*number);
        }
        let before = one.before.clone().map(|before| (alias.0.clone(), alias.1.clone(), before));
        if let Some(number) = before.and_then(|before| self.numbers.get(&before).copied()) {
            self.name(alias, number);
            return Ok(number);
        }
        let last = match self.last_number {
            Some(last) => last,
            None => sqlx::query_scalar::<_, i64>(catalog::LAST_NUMBER).fetch_one(catalog).await?.cast_unsigned(),
        };
        let number = last + 1;
        self.last_number = Some(number);
        let mut parts = vec![("classes", keys.classes.join(" < ")), ("crash site", keys.site.clone())];
        if keys.generic {
            parts.push(("message template", keys.template.clone()));
        }
        parts.retain(|(_, text)| !text.is_empty());
        self.changes.groups.push(NewGroup {
            number,
            project: alias.0.clone(),
            environment: alias.1.clone(),
            fingerprint: alias.2.clone(),
            kind: keys.kind,
            parts: serde_json::to_string(&parts).unwrap_or_default(),
            class: keys.classes.first().cloned().unwrap_or_default(),
            title: keys.title.clone(),
            file: keys.file.clone(),
            service: service.to_owned(),
            level: level_number(witness.level),
            source: source_rank(witness.family()),
            version: witness.version.clone(),
            time: witness.time,
        });
        self.name(alias, number);
        Ok(number)
    }

    /// From now on this fingerprint leads to the group.
    fn name(&mut self, alias: (String, String, String), number: u64) {
        self.numbers.insert(alias.clone(), number);
        self.changes.aliases.push((alias.0, alias.1, alias.2, number));
    }

    fn count(&mut self, occ: &Occ) {
        let stored = &occ.stored;
        if !stored.version.is_empty() {
            let version = (stored.project.clone(), stored.environment.clone(), stored.version.clone());
            self.changes.versions.entry(version).and_modify(|first| *first = (*first).min(occ.time)).or_insert(occ.time);
        }
        let delta = self.changes.deltas.entry(occ.number).or_default();
        delta.count += 1;
        delta.occurrences.push((occ.time, stored.version.clone()));
        delta.families |= stored.seen.iter().map(|seen| family_bit(seen.family)).fold(0, |all, bit| all | bit);
        *delta.hours.entry(hour_of(occ.time)).or_default() += 1;
        for value in &stored.values {
            *delta.values.entry(value.clone()).or_default() += 1;
        }
        delta.people.extend(stored.person.as_ref().map(person_hash));
        // One of its ids stands for the request, so that it counts once.
        if let Some(trace) = stored.traces.iter().min() {
            delta.requests.entry(*trace).or_insert(hour_of(occ.time));
        }
    }

    /// Takes back what an occurrence counted for: it is one with an occurrence of the group `with`.
    fn uncount(&mut self, occ: &Occ, with: u64) {
        let delta = self.changes.deltas.entry(occ.number).or_default();
        delta.count -= 1;
        if let Some(trace) = occ.stored.traces.iter().min() {
            delta.requests.remove(trace);
            delta.not_requests.push(*trace);
        }
        if let Some(at) = delta.occurrences.iter().position(|(time, _)| *time == occ.time) {
            delta.occurrences.swap_remove(at);
        }
        *delta.hours.entry(hour_of(occ.time)).or_default() -= 1;
        for value in &occ.stored.values {
            *delta.values.entry(value.clone()).or_default() -= 1;
        }
        let families = occ.stored.seen.iter().map(|seen| family_bit(seen.family)).fold(0, |all, bit| all | bit);
        self.changes.deltas.entry(with).or_default().families |= families;
        if occ.number != with {
            self.changes.emptied.push((occ.number, with));
        }
    }
}

pub fn family_bit(family: WitnessFamily) -> i64 {
    1 << family as i64
}

fn source_rank(family: WitnessFamily) -> i64 {
    2 - family as i64
}

pub fn level_number(level: ErrorLevel) -> i64 {
    level as i64
}
