//! The functions of one row. Source: AWS, "Supported operations and functions" of Logs Insights.

use super::json;
use super::value::Value;
use model::query::insights::FUNCTIONS;
use model::time::{Nanos, parse_moment};
use std::borrow::Cow;
use std::net::IpAddr;

/// A function that has nothing to do at compile time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    Abs,
    Ceil,
    Floor,
    Greatest,
    Least,
    Log,
    Sqrt,
    FromMillis,
    ToMillis,
    IsPresent,
    Coalesce,
    IsEmpty,
    IsBlank,
    Concat,
    LeftTrim,
    RightTrim,
    Trim,
    Length,
    Upper,
    Lower,
    Substring,
    Replace,
    Contains,
    IsIp,
    IsIpV4,
    IsIpV6,
    InSubnet,
    InSubnetV4,
    InSubnetV6,
    JsonParse,
    JsonStringify,
}

impl Function {
    /// By the lower-case name.
    pub fn named(name: &str) -> Option<Function> {
        debug_assert!(FUNCTIONS.iter().any(|known| known.name.eq_ignore_ascii_case(name)), "{name}");
        Some(match name {
            "abs" => Function::Abs,
            "ceil" => Function::Ceil,
            "floor" => Function::Floor,
            "greatest" => Function::Greatest,
            "least" => Function::Least,
            "log" => Function::Log,
            "sqrt" => Function::Sqrt,
            "frommillis" => Function::FromMillis,
            "tomillis" => Function::ToMillis,
            "ispresent" => Function::IsPresent,
            "coalesce" => Function::Coalesce,
            "isempty" => Function::IsEmpty,
            "isblank" => Function::IsBlank,
            "concat" => Function::Concat,
            "ltrim" => Function::LeftTrim,
            "rtrim" => Function::RightTrim,
            "trim" => Function::Trim,
            "strlen" => Function::Length,
            "toupper" => Function::Upper,
            "tolower" => Function::Lower,
            "substr" => Function::Substring,
            "replace" => Function::Replace,
            "strcontains" => Function::Contains,
            "isvalidip" => Function::IsIp,
            "isvalidipv4" => Function::IsIpV4,
            "isvalidipv6" => Function::IsIpV6,
            "isipinsubnet" => Function::InSubnet,
            "isipv4insubnet" => Function::InSubnetV4,
            "isipv6insubnet" => Function::InSubnetV6,
            "jsonparse" => Function::JsonParse,
            "jsonstringify" => Function::JsonStringify,
            _ => return None,
        })
    }
}

/// The function of these values. Of null most are null; `ispresent`, `isempty` and `isblank` say so.
pub fn call<'a>(function: Function, values: &mut [Value<'a>]) -> Value<'a> {
    let take = |value: &mut Value<'a>| std::mem::replace(value, Value::Null);
    let number = |at: usize| values.get(at).and_then(Value::number);
    let numeric = |compute: fn(f64) -> f64| number(0).map_or(Value::Null, |number| Value::finite(compute(number)));
    match function {
        Function::Abs => numeric(f64::abs),
        Function::Ceil => numeric(f64::ceil),
        Function::Floor => numeric(f64::floor),
        Function::Log => numeric(f64::ln),
        Function::Sqrt => numeric(f64::sqrt),
        Function::Greatest => values.iter().filter_map(Value::number).reduce(f64::max).map_or(Value::Null, Value::Number),
        Function::Least => values.iter().filter_map(Value::number).reduce(f64::min).map_or(Value::Null, Value::Number),
        Function::FromMillis => number(0).map_or(Value::Null, |millis| Value::Moment((millis * 1e6) as Nanos)),
        Function::ToMillis => moment(&values[0]).map_or(Value::Null, |at| Value::Number(at.div_euclid(1_000_000) as f64)),
        Function::IsPresent => Value::flag(!values[0].is_null()),
        Function::Coalesce => values.iter_mut().find(|value| !value.is_null()).map_or(Value::Null, take),
        Function::IsEmpty => Value::flag(values[0].display().is_none_or(|text| text.is_empty())),
        Function::IsBlank => Value::flag(values[0].display().is_none_or(|text| text.trim().is_empty())),
        Function::Concat => Value::owned(values.iter().filter_map(Value::display).collect()),
        Function::LeftTrim | Function::RightTrim | Function::Trim => {
            let characters: Option<Vec<char>> = values.get(1).and_then(Value::display).map(|text| text.chars().collect());
            let trimmed = |c: char| characters.as_ref().map_or(c.is_whitespace(), |characters| characters.contains(&c));
            let (left, right) = (function != Function::RightTrim, function != Function::LeftTrim);
            cut(take(&mut values[0]), |text| {
                let text = if left { text.trim_start_matches(trimmed) } else { text };
                if right { text.trim_end_matches(trimmed) } else { text }
            })
        }
        Function::Length => values[0].display().map_or(Value::Null, |text| Value::Number(text.chars().count() as f64)),
        Function::Upper => values[0].display().map_or(Value::Null, |text| Value::owned(text.to_uppercase())),
        Function::Lower => values[0].display().map_or(Value::Null, |text| Value::owned(text.to_lowercase())),
        Function::Substring => {
            let Some(start) = number(1) else { return Value::Null };
            let length = if values.len() > 2 { number(2).unwrap_or(0.0) } else { f64::MAX };
            cut(take(&mut values[0]), |text| {
                let text = &text[text.char_indices().nth(start.max(0.0) as usize).map_or(text.len(), |(at, _)| at)..];
                &text[..text.char_indices().nth(length.max(0.0) as usize).map_or(text.len(), |(at, _)| at)]
            })
        }
        Function::Replace => match (values[0].display(), values[1].display(), values[2].display()) {
            (Some(text), Some(searched), Some(new)) if !searched.is_empty() => Value::owned(text.replace(&*searched, &new)),
            (Some(text), ..) => Value::owned(text.into_owned()),
            _ => Value::Null,
        },
        Function::Contains => match (values[0].display(), values[1].display()) {
            (Some(text), Some(part)) => Value::flag(text.contains(&*part)),
            _ => Value::flag(false),
        },
        Function::IsIp => Value::flag(address(&values[0]).is_some()),
        Function::IsIpV4 => Value::flag(address(&values[0]).is_some_and(|address| address.is_ipv4())),
        Function::IsIpV6 => Value::flag(address(&values[0]).is_some_and(|address| address.is_ipv6())),
        Function::InSubnet | Function::InSubnetV4 | Function::InSubnetV6 => {
            let fits = |address: &IpAddr| match function {
                Function::InSubnetV4 => address.is_ipv4(),
                Function::InSubnetV6 => address.is_ipv6(),
                _ => true,
            };
            let subnet = values[1].display();
            Value::flag(address(&values[0]).filter(fits).zip(subnet).is_some_and(|(address, subnet)| is_in(address, &subnet)))
        }
        Function::JsonParse => match take(&mut values[0]) {
            Value::Text(text) => match &text {
                Cow::Borrowed(text) => json::value(text.trim()),
                Cow::Owned(text) => json::value(text.trim()).into_owned(),
            },
            other => other,
        },
        Function::JsonStringify => match take(&mut values[0]) {
            Value::Text(text) => Value::owned(serde_json::Value::from(&*text).to_string()),
            Value::Json(text) => Value::Text(text),
            Value::Null => Value::Null,
            other => Value::owned(other.display().unwrap_or_default().into_owned()),
        },
    }
}

/// The moment that a value is: a number is milliseconds.
pub fn moment(value: &Value) -> Option<Nanos> {
    match value {
        Value::Moment(at) => Some(*at),
        Value::Null | Value::Json(_) | Value::Truth(_) => None,
        value => match value.number() {
            Some(millis) => Some((millis * 1e6) as Nanos),
            None => parse_moment(&value.display()?),
        },
    }
}

/// A part of a text, without copying where it is not the value's own.
fn cut<'a>(value: Value<'a>, part: impl for<'t> Fn(&'t str) -> &'t str) -> Value<'a> {
    match value {
        Value::Null => Value::Null,
        Value::Text(Cow::Borrowed(text)) | Value::Json(Cow::Borrowed(text)) => Value::text(part(text)),
        other => Value::owned(part(&other.display().unwrap_or_default()).to_owned()),
    }
}

fn address(value: &Value) -> Option<IpAddr> {
    value.display()?.parse().ok()
}

/// Whether an address is in `10.0.0.0/8` or `fd00::/8`.
fn is_in(address: IpAddr, subnet: &str) -> bool {
    let Some((base, bits)) = subnet.split_once('/') else { return false };
    let (Ok(base), Ok(bits)) = (base.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    match (address, base) {
        (IpAddr::V4(a), IpAddr::V4(b)) if bits <= 32 => (a.to_bits() ^ b.to_bits()).checked_shr(32 - bits).unwrap_or(0) == 0,
        (IpAddr::V6(a), IpAddr::V6(b)) if bits <= 128 => (a.to_bits() ^ b.to_bits()).checked_shr(128 - bits).unwrap_or(0) == 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What compiles to something of its own.
    const SPECIAL: [&str; 4] = ["bin", "datefloor", "dateceil", "now"];

    #[test]
    fn every_function_of_the_language_is_here() {
        for function in FUNCTIONS.iter().filter(|function| !SPECIAL.contains(&function.name)) {
            assert!(Function::named(&function.name.to_ascii_lowercase()).is_some(), "{}", function.name);
        }
    }

    #[test]
    fn subnets() {
        let is_in = |address: &str, subnet: &str| super::is_in(address.parse().unwrap(), subnet);
        assert!(is_in("10.1.2.3", "10.0.0.0/8") && is_in("1.2.3.4", "0.0.0.0/0") && is_in("1.2.3.4", "1.2.3.4/32"));
        assert!(!is_in("11.1.2.3", "10.0.0.0/8") && !is_in("1.2.3.4", "::/0") && !is_in("1.2.3.4", "1.2.3.4"));
        assert!(is_in("2001:db8::1", "2001:db8::/32") && !is_in("2001:db9::1", "2001:db8::/32"));
    }

    #[test]
    fn odd_arguments_are_no_danger() {
        for function in FUNCTIONS.iter().filter_map(|function| Some((function, Function::named(&function.name.to_ascii_lowercase())?))) {
            let (known, function) = function;
            for value in
                [Value::Null, Value::Number(f64::MAX), Value::Number(-1.0), Value::text("é"), Value::text("\""), Value::Json("[".into())]
            {
                for count in known.least..=known.most.min(3) {
                    call(function, &mut vec![value.clone(); count]);
                }
            }
        }
    }
}
