//! `/errors`: the inbox; `/e/{number}`: one group; and where their forms are sent.

use super::pairs::{Pairs, Writer};
use model::error::ErrorStatus;
use model::port::{ErrorCursor, ErrorSort};
use std::fmt;

/// `/errors?q=level:critical&status=resolved&sort=count&cursor=...`
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Errors {
    /// As typed; it may not parse, then the page says where.
    pub query: String,
    /// Which tab is open. A query that asks for a status itself has its own way.
    pub tab: Tab,
    pub sort: ErrorSort,
    /// Where the page before ended.
    pub cursor: Option<ErrorCursor>,
}

/// Groups of one status, or of any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Tab {
    #[default]
    Active,
    Resolved,
    Muted,
    Snoozed,
    All,
}

impl Tab {
    pub const ALL: [Tab; 5] = [Tab::Active, Tab::Resolved, Tab::Muted, Tab::Snoozed, Tab::All];

    pub fn as_str(self) -> &'static str {
        ["active", "resolved", "muted", "snoozed", "all"][self as usize]
    }

    /// The tab that a status is in.
    pub fn of(status: &ErrorStatus) -> Tab {
        Tab::ALL.into_iter().find(|tab| tab.as_str() == status.as_str()).unwrap_or_default()
    }
}

impl Errors {
    /// What is active and matches.
    pub fn of(query: impl Into<String>) -> Errors {
        Errors { query: query.into(), ..Errors::default() }
    }

    /// Reads a query string. A cursor that is not ours means the first page.
    pub fn parse(search: &str) -> Errors {
        let pairs = Pairs::parse(search);
        Errors {
            query: pairs.get("q").unwrap_or_default().to_owned(),
            tab: pairs.get("status").and_then(|text| Tab::ALL.into_iter().find(|tab| tab.as_str() == text)).unwrap_or_default(),
            sort: pairs.get("sort").and_then(parse_sort).unwrap_or_default(),
            cursor: pairs.get("cursor").and_then(parse_cursor),
        }
    }

    /// The same search changed, on its first page.
    pub fn with(&self, change: impl FnOnce(&mut Errors)) -> Errors {
        let mut url = Errors { cursor: None, ..self.clone() };
        change(&mut url);
        url
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut to = Writer::new(f, "/errors")?;
        to.pair("q", &self.query)?;
        if self.tab != Tab::default() {
            to.pair("status", self.tab.as_str())?;
        }
        if self.sort != ErrorSort::default() {
            to.pair("sort", sort_text(self.sort))?;
        }
        match self.cursor {
            Some(ErrorCursor { value, number }) => to.pair("cursor", format_args!("{value}.{number}")),
            None => Ok(()),
        }
    }
}

fn parse_cursor(text: &str) -> Option<ErrorCursor> {
    let (value, number) = text.split_once('.')?;
    Some(ErrorCursor { value: value.parse().ok()?, number: number.parse().ok()? })
}

/// Sort orders as URLs have them.
const SORTS: [(ErrorSort, &str); 5] = [
    (ErrorSort::Priority, "priority"),
    (ErrorSort::LastSeen, "last_seen"),
    (ErrorSort::FirstSeen, "first_seen"),
    (ErrorSort::Count, "count"),
    (ErrorSort::People, "people"),
];

pub fn parse_sort(text: &str) -> Option<ErrorSort> {
    SORTS.into_iter().find(|(_, name)| *name == text).map(|(sort, _)| sort)
}

pub fn sort_text(sort: ErrorSort) -> &'static str {
    SORTS.into_iter().find(|(known, _)| *known == sort).map_or("", |(_, name)| name)
}

/// `/e/12?occurrence=345&trend=30d`: a group, with one of its occurrences open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorPage {
    pub number: u64,
    /// `seq` of the occurrence; `None`: the newest.
    pub occurrence: Option<u64>,
    /// The list of occurrences begins with those older than this one.
    pub before: Option<u64>,
    /// `trend=30d`: the chart shows 30 days, not 24 hours.
    pub month: bool,
    /// `compare=1`: its requests are compared with those that pass.
    pub compare: bool,
}

impl ErrorPage {
    pub fn of(number: u64) -> ErrorPage {
        ErrorPage { number, occurrence: None, before: None, month: false, compare: false }
    }

    /// A permalink of an occurrence.
    pub fn at(number: u64, seq: u64) -> ErrorPage {
        ErrorPage { occurrence: Some(seq), ..ErrorPage::of(number) }
    }

    /// Reads a query string.
    pub fn parse(number: u64, search: &str) -> ErrorPage {
        let pairs = Pairs::parse(search);
        let seq = |name| pairs.get(name).and_then(|text| text.parse().ok());
        ErrorPage {
            number,
            occurrence: seq("occurrence"),
            before: seq("before"),
            month: pairs.get("trend") == Some("30d"),
            compare: pairs.get("compare").is_some(),
        }
    }
}

impl fmt::Display for ErrorPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut to = Writer::new(f, &format!("/e/{}", self.number))?;
        for (name, seq) in [("occurrence", self.occurrence), ("before", self.before)] {
            seq.map_or(Ok(()), |seq| to.pair(name, seq))?;
        }
        to.pair("trend", if self.month { "30d" } else { "" })?;
        to.pair("compare", if self.compare { "1" } else { "" })
    }
}

/// `/e/uuid/{uuid}`: the occurrence that Rollbar's SDK gave this id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorByUuid {
    pub uuid: String,
}

impl fmt::Display for ErrorByUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("/e/uuid/")?;
        super::pairs::encode(&self.uuid, f)
    }
}

/// `POST /errors/triage`: does something to groups.
pub const TRIAGE: &str = "/errors/triage";

/// `POST /errors/name`: keeps in a cookie what the reader is called.
pub const TRIAGE_NAME: &str = "/errors/name";

/// `/errors/rules`: rules for grouping.
pub const RULES: &str = "/errors/rules";

/// `/errors/rules?saved=1`, `/errors/rules?problem=...&draft=...`: the same after its form was sent.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Rules {
    pub saved: bool,
    /// What is wrong with the draft; empty if nothing is.
    pub problem: String,
    /// What was typed, if that was not saved and is short enough for an address.
    pub draft: String,
}

impl Rules {
    /// Bytes of a draft that an address can have.
    pub const DRAFT: usize = 4000;

    /// Reads a query string.
    pub fn parse(search: &str) -> Rules {
        let pairs = Pairs::parse(search);
        let text = |name| pairs.get(name).unwrap_or_default().to_owned();
        Rules { saved: pairs.get("saved").is_some(), problem: text("problem"), draft: text("draft") }
    }
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut to = Writer::new(f, RULES)?;
        to.pair("saved", if self.saved { "1" } else { "" })?;
        to.pair("problem", &self.problem)?;
        if self.draft.len() > Rules::DRAFT { Ok(()) } else { to.pair("draft", &self.draft) }
    }
}

/// `POST /errors/rules/save`: replaces them.
pub const RULES_SAVE: &str = "/errors/rules/save";

/// Where a form's `back` leads: a page about errors, in the one way it is written. Nothing else is redirected to.
pub fn back(address: &str) -> String {
    let (path, search) = address.split_once('?').unwrap_or((address, ""));
    let search = search.split('#').next().unwrap_or_default();
    let number = path.strip_prefix("/e/").and_then(|number| number.parse().ok());
    match (path, number) {
        (_, Some(number)) => ErrorPage::parse(number, search).to_string(),
        (RULES, _) => RULES.to_owned(),
        _ => Errors::parse(if path == "/errors" { search } else { "" }).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_go_both_ways() {
        let all = Errors {
            query: "level:critical \"a b\" -status:muted".into(),
            tab: Tab::Resolved,
            sort: ErrorSort::LastSeen,
            cursor: Some(ErrorCursor { value: -5, number: 12 }),
        };
        assert_eq!(all.to_string(), "/errors?q=level:critical+%22a+b%22+-status:muted&status=resolved&sort=last_seen&cursor=-5.12");
        assert_eq!(Errors::parse(all.to_string().split_once('?').unwrap().1), all);
        assert_eq!((Errors::default().to_string(), Errors::parse("cursor=x&sort=up&status=odd")), ("/errors".into(), Errors::default()));
        assert_eq!(
            all.with(|url| url.tab = Tab::All).to_string(),
            "/errors?q=level:critical+%22a+b%22+-status:muted&status=all&sort=last_seen"
        );
        for (sort, name) in SORTS {
            assert_eq!((parse_sort(name), sort_text(sort)), (Some(sort), name));
        }
        let page = ErrorPage { number: 7, occurrence: Some(99), before: Some(50), month: true, compare: true };
        assert_eq!(page.to_string(), "/e/7?occurrence=99&before=50&trend=30d&compare=1");
        assert_eq!(ErrorPage::parse(7, "?occurrence=99&before=50&trend=30d&compare=1"), page);
        assert_eq!((ErrorPage::at(7, 99).to_string(), ErrorPage::of(7).to_string()), ("/e/7?occurrence=99".into(), "/e/7".into()));
        let rules = Rules { saved: false, problem: "no = 1".into(), draft: "[\n{}]".into() };
        assert_eq!(rules.to_string(), "/errors/rules?problem=no+%3D+1&draft=%5B%0A%7B%7D%5D");
        assert_eq!(Rules::parse(rules.to_string().split_once('?').unwrap().1), rules);
        assert_eq!(ErrorByUuid { uuid: "a/?b".into() }.to_string(), "/e/uuid/a/%3Fb");
    }

    #[test]
    fn forms_lead_back_to_pages_about_errors_only() {
        for (address, leads) in [
            ("/errors?q=x&nonsense=1", "/errors?q=x"),
            ("/e/12?occurrence=3#history", "/e/12?occurrence=3"),
            ("/errors/rules", "/errors/rules"),
            ("https://example.com/errors?q=x", "/errors"),
            ("//example.com", "/errors"),
            ("/e/12/../../logs", "/errors"),
            ("", "/errors"),
        ] {
            assert_eq!(back(address), leads, "{address}");
        }
    }
}
