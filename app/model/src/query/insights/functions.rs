//! The commands and functions of the language. Source: AWS's pages on Logs Insights' commands, and on its operations and functions.

/// A function of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// As the printer writes it; queries write it in any case.
    pub name: &'static str,
    /// What it takes, for a person: `field, length`.
    pub arguments: &'static str,
    /// How many arguments it takes, at least and at most.
    pub least: usize,
    pub most: usize,
}

/// The commands, with what each does in a few words.
pub const LOG_COMMANDS: &[(&str, &str)] = &[
    ("fields", "columns to show, and new ones"),
    ("filter", "keep rows"),
    ("stats", "aggregates by group"),
    ("sort", "order of the rows"),
    ("limit", "number of rows"),
    ("parse", "fields out of a text"),
    ("display", "columns to show in the end"),
    ("dedup", "first row of each value"),
    ("pattern", "messages that look alike"),
    ("head", "number of rows"),
    ("tail", "number of rows at the end"),
];

const MANY: usize = 64;

const fn takes(name: &'static str, arguments: &'static str, least: usize, most: usize) -> Function {
    Function { name, arguments, least, most }
}

/// Functions of one row.
pub const FUNCTIONS: &[Function] = &[
    takes("abs", "number", 1, 1),
    takes("ceil", "number", 1, 1),
    takes("floor", "number", 1, 1),
    takes("greatest", "number, ...", 1, MANY),
    takes("least", "number, ...", 1, MANY),
    takes("log", "number", 1, 1),
    takes("sqrt", "number", 1, 1),
    takes("bin", "5m", 1, 2),
    takes("datefloor", "moment, 1h", 2, 2),
    takes("dateceil", "moment, 1h", 2, 2),
    takes("fromMillis", "number", 1, 1),
    takes("toMillis", "moment", 1, 1),
    takes("now", "", 0, 0),
    takes("ispresent", "field", 1, 1),
    takes("coalesce", "field, ...", 1, MANY),
    takes("isempty", "text", 1, 1),
    takes("isblank", "text", 1, 1),
    takes("concat", "text, ...", 1, MANY),
    takes("ltrim", "text, characters", 1, 2),
    takes("rtrim", "text, characters", 1, 2),
    takes("trim", "text, characters", 1, 2),
    takes("strlen", "text", 1, 1),
    takes("toupper", "text", 1, 1),
    takes("tolower", "text", 1, 1),
    takes("substr", "text, start, length", 2, 3),
    takes("replace", "text, searched, new", 3, 3),
    takes("strcontains", "text, part", 2, 2),
    takes("isValidIp", "text", 1, 1),
    takes("isValidIpV4", "text", 1, 1),
    takes("isValidIpV6", "text", 1, 1),
    takes("isIpInSubnet", "text, \"10.0.0.0/8\"", 2, 2),
    takes("isIpv4InSubnet", "text, \"10.0.0.0/8\"", 2, 2),
    takes("isIpv6InSubnet", "text, \"fd00::/8\"", 2, 2),
    takes("jsonParse", "text", 1, 1),
    takes("jsonStringify", "value", 1, 1),
];

/// Functions of a group of rows, for `stats`.
pub const AGGREGATES: &[Function] = &[
    takes("avg", "number", 1, 1),
    takes("count", "*", 0, 1),
    takes("count_distinct", "field", 1, 1),
    takes("max", "field", 1, 1),
    takes("min", "field", 1, 1),
    takes("pct", "number, 95", 2, 2),
    takes("median", "number", 1, 1),
    takes("stddev", "number", 1, 1),
    takes("sum", "number", 1, 1),
    takes("earliest", "field", 1, 1),
    takes("latest", "field", 1, 1),
    takes("sortsFirst", "field", 1, 1),
    takes("sortsLast", "field", 1, 1),
];

/// The function or aggregate of this name in any case, and whether it is an aggregate.
pub fn function(name: &str) -> Option<(&'static Function, bool)> {
    let named = |function: &&Function| function.name.eq_ignore_ascii_case(name);
    let scalar = FUNCTIONS.iter().find(named).map(|function| (function, false));
    scalar.or_else(|| AGGREGATES.iter().find(named).map(|function| (function, true)))
}

/// Whether this argument of the function may be a period such as `5m`.
pub(super) fn takes_period(function: &Function, nth: usize) -> bool {
    match function.name {
        "bin" => true,
        "datefloor" | "dateceil" => nth == 1,
        _ => false,
    }
}
