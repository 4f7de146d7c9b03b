//! What people and sources write about errors: triage, merging, deploys, rules. Each is one transaction with its row of the history.

use super::catalog::note;
use super::read::deploy;
use super::{place, rank};
use crate::errors::rules::Rules;
use crate::store::ErrorStore;
use crate::store::sqlite::Sqlite;
use crate::store::sqlite::view::unavailable;
use async_trait::async_trait;
use model::error::{Deploy, TriageAction};
use model::port::Problem;
use model::time::{Nanos, Rfc3339};
use sqlx::{Connection, SqliteConnection};
use std::sync::{Arc, PoisonError};

const RESOLVE: &str = "UPDATE error_group SET status = 1, resolved_at = ?2, resolved_version = ?3, next_deploy = ?4, regressed = 0,
    handled = 1, snoozed_until = NULL, snoozed_count = NULL WHERE number = ?1";
const REOPEN: &str = "UPDATE error_group SET status = 0, regressed = 0, handled = 1, resolved_version = NULL, next_deploy = 0,
    snoozed_until = NULL, snoozed_count = NULL WHERE number = ?1";
const MUTE: &str = "UPDATE error_group SET status = 2, regressed = 0, handled = 1, resolved_version = NULL, next_deploy = 0,
    snoozed_until = NULL, snoozed_count = NULL WHERE number = ?1";
const SNOOZE: &str = "UPDATE error_group SET status = 3, regressed = 0, handled = 1, resolved_version = NULL, next_deploy = 0,
    snoozed_until = ?2, snoozed_count = all_count + ?3 WHERE number = ?1";
const ASSIGN: &str = "UPDATE error_group SET assignee = ?2, handled = 1 WHERE number = ?1";
const LEVEL: &str = "UPDATE error_group SET level = ?2, level_locked = 1 WHERE number = ?1";
const TITLE: &str = "UPDATE error_group SET title = ?2, title_locked = 1 WHERE number = ?1";
const COMMENT: &str = "UPDATE error_group SET comments = comments + 1 WHERE number = ?1";
const MERGE: &str = "UPDATE error_group SET parent = ?2 WHERE number = ?1 OR parent = ?1";
const PARENT: &str = "SELECT parent FROM error_group WHERE number = ?1";
const UNMERGE: &str = "UPDATE error_group SET parent = NULL WHERE number = ?1";
const PUT_DEPLOY: &str = "INSERT INTO error_deploy (project, environment, revision, user, comment, status, started, finished)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const END_DEPLOY: &str = "UPDATE error_deploy SET status = ?2, finished = ?3 WHERE id = ?1
    RETURNING id, project, environment, revision, user, comment, status, started, finished";
const SET_RULES: &str = "INSERT INTO error_rules (id, rules) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET rules = excluded.rules";

#[async_trait]
impl ErrorStore for Sqlite {
    async fn triage(&self, actor: &str, numbers: &[u64], action: &TriageAction) -> Result<u64, Problem> {
        let mut roots = Vec::new();
        for number in numbers {
            match self.root(*number).await {
                Ok(root) if !roots.contains(&root) => roots.push(root),
                Ok(_) | Err(Problem::NotFound(_)) => {}
                Err(problem) => return Err(problem),
            }
        }
        let now = self.core.now();
        let mut writer = self.core.errors.catalog.writer().await.map_err(unavailable)?;
        let done = async {
            let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
            for root in &roots {
                act(&mut tx, *root, actor, action, now).await?;
            }
            rank::rank(&mut tx, &roots, now).await?;
            tx.commit().await
        };
        done.await.map_err(|error: sqlx::Error| unavailable(error))?;
        Ok(roots.len() as u64)
    }

    async fn merge_errors(&self, actor: &str, into: u64, numbers: &[u64]) -> Result<(), Problem> {
        let into = self.root(into).await?;
        let mut others = Vec::new();
        for number in numbers {
            let root = self.root(*number).await?;
            if root != into && !others.contains(&root) {
                others.push(root);
            }
        }
        let now = self.core.now();
        let mut writer = self.core.errors.catalog.writer().await.map_err(unavailable)?;
        let done = async {
            let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
            for number in &others {
                sqlx::query(MERGE).bind(number.cast_signed()).bind(into.cast_signed()).execute(&mut *tx).await?;
                note(&mut tx, *number, now, actor, &format!("merged it into #{into}"), None).await?;
                note(&mut tx, into, now, actor, &format!("merged #{number} into it"), None).await?;
            }
            rank::sum(&mut tx, &[into]).await?;
            rank::rank(&mut tx, &[into], now).await?;
            tx.commit().await
        };
        done.await.map_err(|error: sqlx::Error| unavailable(error))
    }

    async fn unmerge_error(&self, actor: &str, number: u64) -> Result<(), Problem> {
        let now = self.core.now();
        let signed = i64::try_from(number).map_err(|_| Problem::NotFound("error"))?;
        let mut writer = self.core.errors.catalog.writer().await.map_err(unavailable)?;
        let parent: Option<Option<i64>> =
            sqlx::query_scalar(PARENT).bind(signed).fetch_optional(&mut *writer).await.map_err(unavailable)?;
        let parent = parent.flatten().ok_or(Problem::NotFound("error"))?.cast_unsigned();
        let done = async {
            let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
            sqlx::query(UNMERGE).bind(signed).execute(&mut *tx).await?;
            for (of, what) in [(number, format!("took it out of #{parent}")), (parent, format!("took #{number} out of it"))] {
                note(&mut tx, of, now, actor, &what, None).await?;
            }
            rank::sum(&mut tx, &[number, parent]).await?;
            rank::rank(&mut tx, &[number, parent], now).await?;
            tx.commit().await
        };
        done.await.map_err(|error: sqlx::Error| unavailable(error))
    }

    async fn add_deploy(&self, deploy: Deploy) -> Result<u64, Problem> {
        let mut writer = self.core.errors.catalog.writer().await.map_err(unavailable)?;
        let query = sqlx::query(PUT_DEPLOY).bind(deploy.project).bind(deploy.environment).bind(deploy.revision).bind(deploy.user);
        let query = query.bind(deploy.comment).bind(deploy.status).bind(deploy.started).bind(deploy.finished);
        Ok(query.execute(&mut *writer).await.map_err(unavailable)?.last_insert_rowid().cast_unsigned())
    }

    async fn end_deploy(&self, id: u64, status: &str, at: Nanos) -> Result<Deploy, Problem> {
        let id = i64::try_from(id).map_err(|_| Problem::NotFound("deploy"))?;
        let mut writer = self.core.errors.catalog.writer().await.map_err(unavailable)?;
        let row = sqlx::query(END_DEPLOY).bind(id).bind(status).bind(at).fetch_optional(&mut *writer).await.map_err(unavailable)?;
        deploy(&row.ok_or(Problem::NotFound("deploy"))?).map_err(unavailable)
    }

    async fn set_grouping_rules(&self, actor: &str, rules: &str) -> Result<(), Problem> {
        let parsed = match rules.trim() {
            "" => None,
            rules => Some(Arc::new(parsed(rules)?)),
        };
        let mut writer = self.core.errors.catalog.writer().await.map_err(unavailable)?;
        let done = async {
            let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
            sqlx::query(SET_RULES).bind(rules).execute(&mut *tx).await?;
            // Of no group: the rules are for all of them.
            note(&mut tx, 0, self.core.now(), actor, "changed the rules for grouping", None).await?;
            tx.commit().await
        };
        done.await.map_err(|error: sqlx::Error| unavailable(error))?;
        *self.core.errors.rules.write().unwrap_or_else(PoisonError::into_inner) = parsed;
        Ok(())
    }
}

/// Rules of a text, or what is wrong with it.
pub(super) fn parsed(rules: &str) -> Result<Rules, Problem> {
    Rules::parse(rules).map_err(|message| Problem::Bad { message, position: None })
}

async fn act(to: &mut SqliteConnection, number: u64, actor: &str, action: &TriageAction, now: Nanos) -> Result<(), sqlx::Error> {
    let signed = number.cast_signed();
    let mut comment = None;
    let (query, what) = match action {
        TriageAction::Resolve { version, next_deploy } => {
            let what = match version {
                Some(version) => format!("resolved it in version {version}"),
                None if *next_deploy => "resolved it in the next deploy".to_owned(),
                None => "resolved it".to_owned(),
            };
            (sqlx::query(RESOLVE).bind(signed).bind(now).bind(version).bind(next_deploy), what)
        }
        TriageAction::Reopen => (sqlx::query(REOPEN).bind(signed), "reopened it".to_owned()),
        TriageAction::Mute => (sqlx::query(MUTE).bind(signed), "muted it".to_owned()),
        TriageAction::Snooze { until, more } => {
            let until_text = until.map(|until| format!(" until {}", Rfc3339(until))).unwrap_or_default();
            let more_text = more.map(|more| format!(" for {more} more")).unwrap_or_default();
            let more = more.map(|more| i64::try_from(more).unwrap_or(i64::MAX >> 1));
            (sqlx::query(SNOOZE).bind(signed).bind(until).bind(more), format!("snoozed it{until_text}{more_text}"))
        }
        TriageAction::Assign(assignee) => {
            let what = assignee.as_ref().map_or("took it from its assignee".to_owned(), |name| format!("assigned it to {name}"));
            (sqlx::query(ASSIGN).bind(signed).bind(assignee), what)
        }
        TriageAction::Level(level) => {
            (sqlx::query(LEVEL).bind(signed).bind(place::level_number(*level)), format!("set its level to {}", level.as_str()))
        }
        TriageAction::Title(title) => (sqlx::query(TITLE).bind(signed).bind(title), format!("called it {title}")),
        TriageAction::Comment(text) => {
            comment = Some(text.as_str());
            (sqlx::query(COMMENT).bind(signed), "commented".to_owned())
        }
    };
    query.execute(&mut *to).await?;
    note(to, number, now, actor, &what, comment).await
}
