//! What of a trace is shown and how: all that the page's URL says besides the trace id.

use crate::address::SpanAddress;
use crate::span::Family;
use crate::waterfall::SortBy;

/// The state of the trace page. Goes to and from the parameters of its URL; whatever is as at first is left out there.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct View {
    /// `span`: the open span.
    pub span: Option<SpanAddress>,
    /// `q`: search inside the trace.
    pub query: String,
    /// `view`
    pub tab: Tab,
    /// `zoom=a-b`: the part of the time axis that is shown, nanoseconds from the start of the trace, a < b.
    pub zoom: Option<(i64, i64)>,
    /// `svc`, once per service: the services that are shown; empty = all.
    pub services: Vec<String>,
    /// `focus`: only this span and what is under it.
    pub focus: Option<SpanAddress>,
    /// `collapsed`
    pub folds: Folds,
    /// `crit=1`: the critical path is marked.
    pub critical: bool,
    /// `skew=1`: spans of clocks that are evidently off are moved under their parents. Raw times otherwise.
    pub shift: bool,
    /// `from`: the first row of the window that is drawn without JavaScript.
    pub from: u32,
    /// `sort`: order of the operations table.
    pub sort: SortBy,
    /// `panel=raw`: the open span as it was sent.
    pub raw: bool,
    /// `system`: of a request that two systems recorded, only what this one did.
    pub system: Option<Family>,
    /// `logs=0`: the waterfall is without log lines.
    pub without_lines: bool,
    /// `alone=1`: without the traces that other systems have of the same request.
    pub alone: bool,
}

/// What the page shows the trace as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Tab {
    #[default]
    Waterfall,
    Flame,
    Table,
    Logs,
}

impl Tab {
    pub const ALL: [Tab; 4] = [Tab::Waterfall, Tab::Flame, Tab::Table, Tab::Logs];

    /// As the URL has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Tab::Waterfall => "waterfall",
            Tab::Flame => "flame",
            Tab::Table => "table",
            Tab::Logs => "logs",
        }
    }
}

/// Which nodes are folded: a rule, and nodes that are the other way round.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Folds {
    pub base: FoldBase,
    /// Keys of the exceptions, sorted (see [`Folds::key`]).
    toggled: Vec<u64>,
}

/// The rule that [`Folds`] starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FoldBase {
    /// Groups are folded, spans are open.
    #[default]
    Groups,
    /// Everything is open.
    Open,
    /// Nodes at this depth or deeper are folded.
    Depth(u32),
}

/// Set in the key of a group: it is named after its first span, which may itself be folded.
const GROUP: u64 = 1 << 32;

impl From<FoldBase> for Folds {
    fn from(base: FoldBase) -> Folds {
        Folds { base, toggled: Vec::new() }
    }
}

impl Folds {
    /// The key of a span or of a missing parent: its address folded to 32 bits, so that URLs stay short. Should two of a
    /// page collide, both fold together.
    pub fn key(address: impl Into<SpanAddress>) -> u64 {
        let address = address.into();
        let trace = address.trace_id.map_or(0, |id| u128::from_be_bytes(id.0));
        let whose = address.family.map_or(0, |family| 1 + family as u64) ^ (trace >> 64) as u64 ^ (trace as u64).rotate_left(17);
        // Spread over all bits: ids that count up must not meet.
        let id = u64::from_be_bytes(address.id.0) ^ whose.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (id >> 32) ^ (id & 0xffff_ffff)
    }

    /// The key of the group whose first span has this address.
    pub fn group_key(first: SpanAddress) -> u64 {
        Folds::key(first) | GROUP
    }

    /// Turns one node round.
    pub fn toggle(&mut self, key: u64) {
        match self.toggled.binary_search(&key) {
            Ok(at) => {
                self.toggled.remove(at);
            }
            Err(at) => self.toggled.insert(at, key),
        }
    }

    /// Whether this node is not as the rule says.
    pub fn is_toggled(&self, key: u64) -> bool {
        self.toggled.binary_search(&key).is_ok()
    }

    /// Whether any node is not as the rule says.
    pub fn has_exceptions(&self) -> bool {
        !self.toggled.is_empty()
    }

    /// `groups` is the default and empty; else `open` or a depth, then the exceptions in hex, `g` before a group's.
    fn write(&self) -> String {
        let mut text = match self.base {
            FoldBase::Groups => String::new(),
            FoldBase::Open => "open".to_owned(),
            FoldBase::Depth(depth) => depth.to_string(),
        };
        for &key in &self.toggled {
            text.push('.');
            if key & GROUP != 0 {
                text.push('g');
            }
            for shift in (0..32).step_by(4).rev() {
                text.push(char::from(b"0123456789abcdef"[(key >> shift & 15) as usize]));
            }
        }
        text
    }

    fn read(text: &str) -> Folds {
        let mut parts = text.split('.');
        let base = match parts.next().unwrap_or_default() {
            "" => FoldBase::Groups,
            "open" => FoldBase::Open,
            depth => depth.parse().map_or(FoldBase::Groups, FoldBase::Depth),
        };
        let mut toggled: Vec<u64> = parts
            .filter_map(|part| match part.strip_prefix('g') {
                Some(hex) => Some(u64::from(u32::from_str_radix(hex, 16).ok()?) | GROUP),
                None => u32::from_str_radix(part, 16).ok().map(u64::from),
            })
            .collect();
        toggled.sort_unstable();
        toggled.dedup();
        Folds { base, toggled }
    }
}

impl View {
    /// Reads the parameters of a URL; what is unknown or broken is left out.
    pub fn read<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> View {
        let mut view = View::default();
        for (name, value) in pairs.filter(|(_, value)| !value.is_empty()) {
            match name {
                "span" => view.span = value.parse().ok(),
                "q" => view.query = value.to_owned(),
                "view" => view.tab = Tab::ALL.into_iter().find(|tab| tab.as_str() == value).unwrap_or_default(),
                "zoom" => view.zoom = read_zoom(value),
                "svc" if !view.services.iter().any(|service| service == value) => view.services.push(value.to_owned()),
                "focus" => view.focus = value.parse().ok(),
                "collapsed" => view.folds = Folds::read(value),
                "crit" => view.critical = value == "1",
                "skew" => view.shift = value == "1",
                "from" => view.from = value.parse().unwrap_or_default(),
                "sort" => view.sort = SortBy::ALL.into_iter().find(|sort| sort.as_str() == value).unwrap_or_default(),
                "panel" => view.raw = value == "raw",
                "system" => view.system = Family::named(value),
                "logs" => view.without_lines = value == "0",
                "alone" => view.alone = value == "1",
                _ => {}
            }
        }
        view
    }

    /// The parameters, in a fixed order, without those that are as at first.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        let mut put = |name, value: String| {
            if !value.is_empty() {
                pairs.push((name, value));
            }
        };
        put("span", self.span.map(|id| id.to_string()).unwrap_or_default());
        put("q", self.query.clone());
        put("view", if self.tab == Tab::default() { String::new() } else { self.tab.as_str().to_owned() });
        put("zoom", self.zoom.map(|(a, b)| [a.to_string(), b.to_string()].join("-")).unwrap_or_default());
        self.services.iter().for_each(|service| put("svc", service.clone()));
        put("focus", self.focus.map(|id| id.to_string()).unwrap_or_default());
        put("collapsed", self.folds.write());
        put("crit", if self.critical { "1".to_owned() } else { String::new() });
        put("skew", if self.shift { "1".to_owned() } else { String::new() });
        put("from", if self.from == 0 { String::new() } else { self.from.to_string() });
        put("sort", if self.sort == SortBy::default() { String::new() } else { self.sort.as_str().to_owned() });
        put("panel", if self.raw { "raw".to_owned() } else { String::new() });
        put("system", self.system.map(|family| family.as_str().to_owned()).unwrap_or_default());
        put("logs", if self.without_lines { "0".to_owned() } else { String::new() });
        put("alone", if self.alone { "1".to_owned() } else { String::new() });
        pairs
    }
}

fn read_zoom(text: &str) -> Option<(i64, i64)> {
    // Neither end is negative: the axis begins at 0.
    let (a, b) = text.split_once('-')?;
    let zoom = (a.parse().ok()?, b.parse().ok()?);
    (0 <= zoom.0 && zoom.0 < zoom.1).then_some(zoom)
}
