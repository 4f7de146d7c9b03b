//! From text to [`Expr`].
//!
//! ```text
//! expr := and ( "OR" and )*          and := un ( "AND"? un )*          un := "!" un | "(" expr ")" | pred
//! pred := flag ( ("=" | "!=") truth )? | number cmp number | text op "value" | annotation ( op value )?
//!       | "service" "(" which? ")" braces? | "edge" "(" which "," which ")" braces? | "group.name" "=" "Default"
//!       | "rootcause." ( "fault" | "error" | "responsetime" ) "." ( "service" | "entity" | "exception" ) braces?
//! annotation := "annotation." KEY | "annotation" "[" KEY "]"           braces := "{" expr "}"
//! which := "name" | "id" "(" ("name" | "type" | "account.id") ":" "value" , ... ")"
//! ```

use super::tokens::{Parsed, Parser};
use super::{Cmp, Expr, FilterError, Flag, Number, Part, Selector, Test, Text, TextOp, Why};
use crate::ingest::xray::account::{DEFAULT_GROUP, DEFAULT_GROUP_ARN};

/// Levels of nesting; nobody writes more by hand.
const DEPTH: usize = 50;

const FLAGS: [(&str, Flag); 10] = [
    ("ok", Flag::Ok),
    ("error", Flag::Error),
    ("fault", Flag::Fault),
    ("throttle", Flag::Throttle),
    ("partial", Flag::Partial),
    ("inferred", Flag::Inferred),
    ("root", Flag::Root),
    ("first", Flag::First),
    ("last", Flag::Last),
    ("remote", Flag::Remote),
];

const NUMBERS: [(&str, Number); 5] = [
    ("responsetime", Number::ResponseTime),
    ("duration", Number::Duration),
    ("http.status", Number::HttpStatus),
    ("index", Number::Index),
    ("coverage", Number::Coverage),
];

const TEXTS: [(&str, Text); 11] = [
    ("http.url", Text::HttpUrl),
    ("http.method", Text::HttpMethod),
    ("http.useragent", Text::HttpUserAgent),
    ("http.clientip", Text::HttpClientIp),
    ("user", Text::User),
    ("name", Text::Name),
    ("type", Text::Type),
    ("message", Text::Message),
    ("availabilityzone", Text::AvailabilityZone),
    ("instance.id", Text::InstanceId),
    ("resource.arn", Text::ResourceArn),
];

/// Keywords that stand in the braces of `rootcause` only, and those that stand there, too.
const OF_ROOT_CAUSES: [&str; 7] = ["first", "last", "remote", "index", "coverage", "type", "message"];
const OF_ROOT_CAUSES_TOO: [&str; 2] = ["name", "inferred"];

const WHYS: [(&str, Why); 3] = [("fault", Why::Fault), ("error", Why::Error), ("responsetime", Why::ResponseTime)];
const PARTS: [(&str, Part); 3] = [("service", Part::Service), ("entity", Part::Entity), ("exception", Part::Exception)];

/// Reads a filter expression; `None` if there is nothing in it.
pub fn parse(text: &str) -> Result<Option<Expr>, FilterError> {
    let mut parser = Parser { text, at: 0, depth: 0, in_braces: false, in_cause: false };
    parser.space();
    if parser.at == text.len() {
        return Ok(None);
    }
    let expr = parser.either()?;
    if parser.at < text.len() {
        return Err(parser.error("expected AND, OR or the end"));
    }
    Ok(Some(expr))
}

impl Parser<'_> {
    fn either(&mut self) -> Parsed<Expr> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.error("nested too deeply"));
        }
        let mut parts = vec![self.all()?];
        while self.keyword("OR") {
            parts.push(self.all()?);
        }
        self.depth -= 1;
        Ok(one_or(parts, Expr::Or))
    }

    fn all(&mut self) -> Parsed<Expr> {
        let mut parts = vec![self.unary()?];
        loop {
            let and = self.keyword("AND");
            let ends = self.rest().is_empty() || self.rest().starts_with([')', '}']) || self.word().eq_ignore_ascii_case("OR");
            if ends && !and {
                return Ok(one_or(parts, Expr::And));
            }
            parts.push(self.unary()?);
        }
    }

    fn unary(&mut self) -> Parsed<Expr> {
        let mut negations = 0;
        while !self.rest().starts_with("!=") && self.take("!") {
            negations += 1;
        }
        let expr = if self.take("(") {
            let expr = self.either()?;
            self.expect(")")?;
            expr
        } else {
            self.predicate()?
        };
        Ok(if negations % 2 == 1 { Expr::Not(Box::new(expr)) } else { expr })
    }

    fn predicate(&mut self) -> Parsed<Expr> {
        let start = self.at;
        let word = self.word();
        if word.is_empty() {
            return Err(self.error(if self.rest().is_empty() { "expected a keyword, found the end" } else { "expected a keyword" }));
        }
        self.at += word.len();
        self.space();
        let lower = word.to_ascii_lowercase();
        let refuse = |message: String| Err(FilterError { position: start, message });
        let of_causes = OF_ROOT_CAUSES.contains(&&*lower);
        if of_causes && !self.in_cause {
            return refuse(format!("{lower} stands in the braces of rootcause"));
        }
        if self.in_cause && !of_causes && !OF_ROOT_CAUSES_TOO.contains(&&*lower) {
            return refuse(format!("{word} does not stand in the braces of rootcause"));
        }
        if let Some(flag) = named(&FLAGS, &lower) {
            if flag == Flag::Root && !self.in_braces {
                return refuse("root stands in the braces of service() and edge()".to_owned());
            }
            return self.flag(flag);
        }
        if let Some(number) = named(&NUMBERS, &lower) {
            let cmp = self.cmp().ok_or_else(|| self.error("expected =, !=, <, <=, > or >="))?;
            return Ok(Expr::Number(number, cmp, self.number()?.ok_or_else(|| self.error("expected a number"))?));
        }
        if let Some(text) = named(&TEXTS, &lower) {
            if text == Text::Name && !self.in_braces {
                return refuse("name stands in the braces of service() and edge()".to_owned());
            }
            let op = self.text_op().ok_or_else(|| self.error("expected =, !=, CONTAINS, BEGINSWITH or ENDSWITH"))?;
            return Ok(Expr::Text(text, op, self.quoted()?.ok_or_else(|| self.error("expected a text in quotes"))?));
        }
        match &*lower {
            "service" => self.service(),
            "edge" => self.edge(),
            "annotation" if self.take("[") => {
                let key = match self.quoted()? {
                    Some(key) => key,
                    None => {
                        let end = self.rest().find(']').ok_or_else(|| self.error("expected ]"))?;
                        let key = self.rest()[..end].trim().to_owned();
                        self.at += end;
                        key
                    }
                };
                self.expect("]")?;
                self.annotation(key)
            }
            "group.name" | "group.arn" => self.group(lower == "group.arn"),
            _ if lower.starts_with("annotation.") => self.annotation(word["annotation.".len()..].to_owned()),
            _ if lower.starts_with("rootcause.") => {
                if self.in_braces {
                    return refuse("rootcause does not stand in the braces of service() and edge()".to_owned());
                }
                let parts = lower["rootcause.".len()..].split_once('.');
                let parts = parts.and_then(|(why, part)| Some((named(&WHYS, why)?, named(&PARTS, part)?)));
                let Some((why, part)) = parts else { return refuse(format!("{word} is not a keyword: rootcause.fault.service is one")) };
                self.in_cause = true;
                let inner = self.braces()?;
                self.in_cause = false;
                Ok(Expr::RootCause(why, part, inner))
            }
            _ => refuse(format!("{word} is not a keyword")),
        }
    }

    fn flag(&mut self, flag: Flag) -> Parsed<Expr> {
        let wanted = match self.cmp() {
            None => true,
            Some(cmp @ (Cmp::Equal | Cmp::NotEqual)) => {
                let truth = self.truth()?.ok_or_else(|| self.error("expected true or false"))?;
                truth == (cmp == Cmp::Equal)
            }
            Some(_) => return Err(self.error("expected = or !=")),
        };
        Ok(if wanted { Expr::Flag(flag) } else { Expr::Not(Box::new(Expr::Flag(flag))) })
    }

    fn annotation(&mut self, key: String) -> Parsed<Expr> {
        if key.is_empty() {
            return Err(self.error("expected the key of an annotation"));
        }
        let before = self.at;
        let cmp = self.cmp();
        if let Some(cmp) = cmp {
            if let Some(number) = self.number()? {
                return Ok(Expr::Annotation(key, Some(Test::Number(cmp, number))));
            }
            // A text in quotes is a text, even if it reads `true`.
            let truth = if self.rest().starts_with(['"', '\'']) { None } else { self.truth()? };
            if let (Some(truth), Cmp::Equal | Cmp::NotEqual) = (truth, cmp) {
                return Ok(Expr::Annotation(key, Some(Test::Truth(truth == (cmp == Cmp::Equal)))));
            }
            let value = self.at;
            self.at = before;
            if !matches!(cmp, Cmp::Equal | Cmp::NotEqual) {
                self.at = value;
                return Err(self.error("expected a number"));
            }
        }
        let Some(op) = self.text_op() else { return Ok(Expr::Annotation(key, None)) };
        let value = self.quoted()?.ok_or_else(|| self.error("expected a text in quotes, a number, true or false"))?;
        Ok(Expr::Annotation(key, Some(Test::Text(op, value))))
    }

    /// Every account has one group; Clew has no others.
    fn group(&mut self, is_arn: bool) -> Parsed<Expr> {
        let op = self.text_op().filter(|op| matches!(op, TextOp::Equal | TextOp::NotEqual));
        let op = op.ok_or_else(|| self.error("expected = or !="))?;
        let start = self.at;
        let value = self.quoted()?.ok_or_else(|| self.error("expected a text in quotes"))?;
        if value != if is_arn { DEFAULT_GROUP_ARN } else { DEFAULT_GROUP } {
            return Err(FilterError { position: start, message: format!("there is no group {value}, only Default") });
        }
        Ok(if op == TextOp::Equal { Expr::Everything } else { Expr::Not(Box::new(Expr::Everything)) })
    }

    fn service(&mut self) -> Parsed<Expr> {
        self.not_in_braces("service")?;
        self.expect("(")?;
        let which = if self.rest().starts_with(')') { Selector::default() } else { self.selector()? };
        self.expect(")")?;
        Ok(Expr::Service(which, self.braces()?))
    }

    fn edge(&mut self) -> Parsed<Expr> {
        self.not_in_braces("edge")?;
        self.expect("(")?;
        let from = self.selector()?;
        self.expect(",")?;
        let to = self.selector()?;
        self.expect(")")?;
        Ok(Expr::Edge(from, to, self.braces()?))
    }

    fn not_in_braces(&self, what: &str) -> Parsed<()> {
        if self.in_braces { Err(self.error(&format!("{what}() does not stand in the braces of another"))) } else { Ok(()) }
    }

    fn braces(&mut self) -> Parsed<Option<Box<Expr>>> {
        if !self.take("{") || self.take("}") {
            return Ok(None);
        }
        self.in_braces = true;
        let expr = self.either()?;
        self.in_braces = false;
        self.expect("}")?;
        Ok(Some(Box::new(expr)))
    }

    fn selector(&mut self) -> Parsed<Selector> {
        if let Some(name) = self.quoted()? {
            return Ok(Selector { name: Some(name), ..Selector::default() });
        }
        if !self.keyword("id") {
            return Err(self.error("expected the name of a service in quotes, or id(...)"));
        }
        self.expect("(")?;
        let mut selector = Selector::default();
        loop {
            let word = self.word().to_ascii_lowercase();
            let field = match &*word {
                "name" => &mut selector.name,
                "type" => &mut selector.kind,
                "account.id" => &mut selector.account,
                _ => return Err(self.error("expected name, type or account.id")),
            };
            self.at += word.len();
            self.space();
            self.expect(":")?;
            *field = Some(self.quoted()?.ok_or_else(|| self.error("expected a text in quotes"))?);
            if self.take(")") {
                return Ok(selector);
            }
            self.expect(",")?;
        }
    }
}

fn named<T: Copy>(table: &[(&str, T)], word: &str) -> Option<T> {
    table.iter().find(|(name, _)| *name == word).map(|(_, value)| *value)
}

fn one_or(mut parts: Vec<Expr>, join: fn(Vec<Expr>) -> Expr) -> Expr {
    if parts.len() == 1 { parts.remove(0) } else { join(parts) }
}
