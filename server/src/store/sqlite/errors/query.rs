//! A query over groups as SQL with bound values. What a group has several of (contexts, versions, people) any one of them matches.

use super::prepare::{BROWSER, CONTEXT, HOST, IP, PERSON, VERSION};
use model::error::ErrorLevel;
use model::port::Problem;
use model::query::ast::{Cmp, Expr, Field, Key, Literal, Query, Test, Word};
use model::time::parse_moment;

/// A value for a `?`.
#[derive(Clone, Debug, PartialEq)]
pub enum Bind {
    Text(String),
    Number(f64),
}

/// A condition over `error_group g`.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    pub sql: String,
    pub binds: Vec<Bind>,
}

pub const STATUSES: [&str; 4] = ["active", "resolved", "muted", "snoozed"];

/// What holds of the groups of a status; `None` if the query excludes the status. `any_status`: terms about the status are left out.
pub fn condition(query: &Query, status: usize, any_status: bool) -> Result<Option<Condition>, Problem> {
    let Some(filter) = &query.filter else { return Ok(Some(Condition { sql: "1".to_owned(), binds: Vec::new() })) };
    let mut compiler = Compiler { status, any_status, binds: Vec::new() };
    Ok(match compiler.expr(filter)? {
        Sql::Known(false) => None,
        Sql::Known(true) => Some(Condition { sql: "1".to_owned(), binds: Vec::new() }),
        Sql::Text(sql) => Some(Condition { sql, binds: compiler.binds }),
    })
}

enum Sql {
    Known(bool),
    Text(String),
}

struct Compiler {
    status: usize,
    any_status: bool,
    binds: Vec<Bind>,
}

/// [`parse_errors`](model::query::parse_errors) knows no fields: every key is an attribute by its name.
fn name(key: &Key) -> &str {
    match key {
        Key::Attribute { name, .. } => name,
        _ => "",
    }
}

fn bad(message: String) -> Problem {
    Problem::Bad { message, position: None }
}

impl Compiler {
    fn text(&mut self, text: impl Into<String>) -> String {
        self.binds.push(Bind::Text(text.into()));
        "?".to_owned()
    }

    fn expr(&mut self, expr: &Expr) -> Result<Sql, Problem> {
        match expr {
            Expr::And(parts) => self.joined(parts, " AND ", false),
            Expr::Or(parts) => self.joined(parts, " OR ", true),
            // A term about the status that is left out is so under a "not", too.
            Expr::Not(inner) if self.any_status && is_status(inner) => Ok(Sql::Known(true)),
            Expr::Not(inner) => Ok(match self.expr(inner)? {
                Sql::Known(known) => Sql::Known(!known),
                Sql::Text(sql) => Sql::Text(format!("NOT ({sql})")),
            }),
            Expr::Word(word) => Ok(Sql::Text(self.word(word))),
            Expr::Field(field) => self.field(field),
        }
    }

    /// `deciding`: the value of a part that decides the whole.
    fn joined(&mut self, parts: &[Expr], between: &str, deciding: bool) -> Result<Sql, Problem> {
        let mut texts = Vec::new();
        for part in parts {
            if self.any_status && is_status(part) {
                continue;
            }
            let bound = self.binds.len();
            match self.expr(part)? {
                Sql::Known(known) if known == deciding => {
                    self.binds.truncate(bound);
                    return Ok(Sql::Known(deciding));
                }
                Sql::Known(_) => {}
                Sql::Text(sql) => texts.push(format!("({sql})")),
            }
        }
        Ok(if texts.is_empty() { Sql::Known(!deciding || self.any_status) } else { Sql::Text(texts.join(between)) })
    }

    fn word(&mut self, word: &Word) -> String {
        if !word.quoted
            && let Some(number) = word.text.strip_prefix('#').and_then(|number| number.parse::<u32>().ok())
        {
            self.binds.push(Bind::Number(f64::from(number)));
            return "g.number = CAST(? AS INTEGER)".to_owned();
        }
        let pattern = format!("%{}%", escaped(&word.text));
        format!("g.title LIKE {} ESCAPE '\\'", self.text(pattern))
    }

    fn field(&mut self, field: &Field) -> Result<Sql, Problem> {
        let key = name(&field.key);
        let test = &field.test;
        let sql = match key {
            "status" if self.any_status => return Ok(Sql::Known(true)),
            "status" => return self.status(test),
            "is" => return self.is(test),
            "has" => match literal(test) {
                Some("comments") => "g.comments > 0".to_owned(),
                _ => return Err(bad("has: knows comments".to_owned())),
            },
            "level" => self.level(test)?,
            "environment" | "project" | "service" | "class" | "file" | "title" => self.column(&format!("g.{key}"), test)?,
            "assignee" => match literal(test) {
                Some("none") => "g.assignee IS NULL".to_owned(),
                _ => self.column("coalesce(g.assignee, '')", test)?,
            },
            "fingerprint" => {
                let inner = self.column("a.fingerprint", test)?;
                format!("g.number IN (SELECT a.number FROM error_alias a WHERE {inner})")
            }
            "host" => self.value(HOST, test)?,
            "context" => self.value(CONTEXT, test)?,
            "version" | "code_version" => self.value(VERSION, test)?,
            "browser" => self.value(BROWSER, test)?,
            "ip" => self.value(IP, test)?,
            "user_id" | "username" | "email" | "person" => self.person(test)?,
            "count" => self.number("g.all_count", test)?,
            "people" => self.number("g.all_people", test)?,
            "failed_requests" => self.number("g.all_failed", test)?,
            "number" => self.number("g.number", test)?,
            "first_seen" => self.moment("g.all_first", test)?,
            "last_seen" => self.moment("g.all_last", test)?,
            _ => return Err(bad(format!("errors are not searched by {key}"))),
        };
        Ok(Sql::Text(sql))
    }

    fn status(&self, test: &Test) -> Result<Sql, Problem> {
        match (test, literal(test)) {
            (Test::Exists, _) => Ok(Sql::Known(true)),
            (_, Some(wanted)) if STATUSES.contains(&wanted) => Ok(Sql::Known(STATUSES[self.status] == wanted)),
            _ => Err(bad(format!("expected one of {}", STATUSES.join(", ")))),
        }
    }

    fn is(&mut self, test: &Test) -> Result<Sql, Problem> {
        let member = "EXISTS (SELECT 1 FROM error_group m WHERE m.parent = g.number)";
        Ok(match literal(test) {
            Some(status) if STATUSES.contains(&status) => Sql::Known(self.any_status || STATUSES[self.status] == status),
            Some("regressed") => Sql::Text("g.priority >> 60 = 3".to_owned()),
            Some("new") => Sql::Text("g.priority >> 60 = 2".to_owned()),
            Some("escalating") => Sql::Text("g.priority >> 60 = 1".to_owned()),
            Some("assigned") => Sql::Text("g.assignee IS NOT NULL".to_owned()),
            Some("unassigned") => Sql::Text("g.assignee IS NULL".to_owned()),
            Some("group" | "merged") => Sql::Text(member.to_owned()),
            _ => return Err(bad("is: knows new, regressed, escalating, assigned, unassigned, group".to_owned())),
        })
    }

    fn level(&mut self, test: &Test) -> Result<String, Problem> {
        let number = |text: &str| {
            let level = ErrorLevel::named(text).ok_or_else(|| bad("expected a level: debug, info, warning, error or critical".to_owned()));
            level.map(|level| level as i64)
        };
        match test {
            Test::Exists => Ok("1".to_owned()),
            Test::Equals(Literal { text, .. }) => Ok(format!("g.level = {}", number(text)?)),
            Test::Compare(cmp, Literal { text, .. }) => Ok(format!("g.level {} {}", operator(*cmp), number(text)?)),
            _ => Err(bad("expected a level".to_owned())),
        }
    }

    fn column(&mut self, column: &str, test: &Test) -> Result<String, Problem> {
        Ok(match test {
            Test::Exists => format!("{column} <> ''"),
            Test::Equals(Literal { text, .. }) => format!("{column} = {}", self.text(text)),
            Test::Wildcard(parts) => {
                let parts: Vec<String> = parts.iter().map(|part| globbed(part)).collect();
                format!("{column} GLOB {}", self.text(parts.join("*")))
            }
            Test::Compare(..) | Test::Regex { .. } => return Err(bad("errors are searched by values and wildcards".to_owned())),
        })
    }

    fn value(&mut self, kind: u8, test: &Test) -> Result<String, Problem> {
        let inner = self.column("v.value", test)?;
        Ok(Self::exists(kind, &inner))
    }

    fn exists(kind: u8, inner: &str) -> String {
        format!("EXISTS (SELECT 1 FROM error_value v WHERE v.number = g.number AND v.kind = {kind} AND v.count > 0 AND {inner})")
    }

    /// A person's value is its id, name and address.
    fn person(&mut self, test: &Test) -> Result<String, Problem> {
        let inner = match test {
            Test::Equals(Literal { text, .. }) => {
                let pattern = format!("% · {} · %", escaped(text));
                format!("' · ' || v.value || ' · ' LIKE {} ESCAPE '\\'", self.text(pattern))
            }
            Test::Wildcard(parts) => {
                let parts: Vec<String> = parts.iter().map(|part| globbed(part)).collect();
                format!("' · ' || v.value || ' · ' GLOB {}", self.text(format!("* · {} · *", parts.join("*"))))
            }
            test => self.column("v.value", test)?,
        };
        Ok(Self::exists(PERSON, &inner))
    }

    fn number(&mut self, column: &str, test: &Test) -> Result<String, Problem> {
        let (operator, literal) = compared(test)?;
        let number = literal.number.or_else(|| literal.text.parse().ok()).ok_or_else(|| bad("expected a number".to_owned()))?;
        self.binds.push(Bind::Number(number));
        Ok(format!("{column} {operator} ?"))
    }

    fn moment(&mut self, column: &str, test: &Test) -> Result<String, Problem> {
        let (operator, literal) = compared(test)?;
        let at = literal.number.or_else(|| parse_moment(&literal.text).map(|at| at as f64));
        self.binds.push(Bind::Number(at.ok_or_else(|| bad("expected a moment such as 2026-11-22T15:40:14Z".to_owned()))?));
        Ok(format!("{column} {operator} ?"))
    }
}

/// Whether an expression is about the status and nothing else.
fn is_status(expr: &Expr) -> bool {
    match expr {
        Expr::Field(field) => {
            let key = name(&field.key);
            key == "status" || key == "is" && literal(&field.test).is_some_and(|text| STATUSES.contains(&text))
        }
        Expr::Not(inner) => is_status(inner),
        Expr::And(parts) | Expr::Or(parts) => parts.iter().all(is_status),
        Expr::Word(_) => false,
    }
}

fn literal(test: &Test) -> Option<&str> {
    match test {
        Test::Equals(Literal { text, .. }) => Some(text),
        _ => None,
    }
}

fn compared(test: &Test) -> Result<(&'static str, &Literal), Problem> {
    match test {
        Test::Equals(literal) => Ok(("=", literal)),
        Test::Compare(cmp, literal) => Ok((operator(*cmp), literal)),
        _ => Err(bad("expected a number, perhaps with > or < before it".to_owned())),
    }
}

fn operator(cmp: Cmp) -> &'static str {
    match cmp {
        Cmp::Less => "<",
        Cmp::LessOrEqual => "<=",
        Cmp::Greater => ">",
        Cmp::GreaterOrEqual => ">=",
    }
}

fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| matches!(c, '%' | '_' | '\\').then_some('\\').into_iter().chain([c])).collect()
}

fn globbed(text: &str) -> String {
    text.chars().map(|c| if matches!(c, '*' | '?' | '[') { format!("[{c}]") } else { c.to_string() }).collect()
}
