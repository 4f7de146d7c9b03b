//! Total, histogram and facets of a search. They never hold up the lines: the page waits for them only a moment, and says
//! "at least" where that was not enough; a second request, for the same page with patience, has the exact ones.

use super::{Asked, BARS};
use crate::ui::facets::{LOGS, Values, list, unchosen};
use crate::ui::frame::Here;
use crate::ui::{chart, plural};
use crate::url;
use leptos::prelude::*;
use model::colour::Colours;
use model::log::Level;
use model::port::{Ask, LogCount, LogFacet, LogField, LogSearch, Problem};
use model::query::LogQuery;
use model::query::ast::{Key, Scope};
use model::query::insights::{with, without};

/// Fields that are always counted: as a query has them, and their titles.
pub const OFFERED: [(&str, &str); 7] = [
    ("level", "Level"),
    ("service", "Service"),
    ("group", "Log group"),
    ("stream", "Stream"),
    ("logger", "Logger"),
    ("host", "Host"),
    ("environment", "Environment"),
];

/// Values of a facet.
const VALUES: u32 = 8;

/// Fields offered for counting.
const FIELDS: u32 = 60;

pub(super) struct Counts {
    count: LogCount,
    /// In the order of [`OFFERED`], then as the URL has them.
    facets: Vec<LogFacet>,
    fields: Vec<LogField>,
}

impl Counts {
    pub(super) async fn read(here: &Here, asked: &Asked, search: &LogSearch) -> Result<Counts, Problem> {
        // Counts belong to the world of the page's cursor: following pages show the same total.
        let ask = here.ask.clone().until(asked.patience()).as_of(search.cursor.map(|cursor| cursor.as_of).filter(|as_of| *as_of > 0));
        let (count, (facets, fields)) = futures::future::join(
            here.logs.log_count(&ask, search, BARS),
            futures::future::join(facets(here, &ask, asked, search), here.logs.log_fields(&ask, &search.groups, search.range, FIELDS)),
        )
        .await;
        Ok(Counts { count: count?, facets: facets?, fields: fields? })
    }

    /// Whether a second request would tell more.
    pub(super) fn exact(&self) -> bool {
        self.count.exact && self.facets.iter().all(|facet| facet.exact)
    }

    /// Total and bars; `exact_at` is the page that counts to the end.
    pub(super) fn histogram(&self, asked: &Asked, exact_at: Option<String>) -> AnyView {
        let bars = chart::levels(asked.range, &self.count.histogram, &|range| {
            asked.url.with_range(url::Range::Between { start: range.start, end: range.end }).to_string()
        });
        let LogCount { lines, levels, exact, .. } = &self.count;
        let total = plural(*lines, "line", "lines");
        let total = if *exact { total } else { format!("at least {total}") };
        let bad = [(Level::Fatal, "fatal", "fatal"), (Level::Error, "error", "errors"), (Level::Warn, "warning", "warnings")];
        let bad = bad.into_iter().filter(|(level, ..)| levels[*level as usize] > 0).map(|(level, one, more)| {
            let text = plural(levels[level as usize], one, more);
            let query = with(&without(&asked.url.query, "level", level.as_str()), "level", level.as_str());
            view! { <a class=chart::level_class(level) href=asked.url.with_query(query).to_string()>{text}</a> }
        });
        let more = exact_at.filter(|_| !exact).map(|url| view! { <a class="muted" href=url>"Count all"</a> });
        view! {
            <section class="card histogram" aria-label="Lines over time">
                <header>
                    <p class="row" data-later="total"><strong>{total}</strong>{bad.collect_view()}{more}</p>
                    <p class="muted hint needs-js">"Drag over the bars to zoom"</p>
                </header>
                <div class="body">
                    <islands::Brush start=asked.range.start end=asked.range.end>
                        <div data-later="histogram">{bars}</div>
                    </islands::Brush>
                </div>
            </section>
        }
        .into_any()
    }

    /// Facets, and the fields that could be some.
    pub(super) fn facets(&self, asked: &Asked) -> AnyView {
        let link = |text: String| asked.url.with_query(text).to_string();
        let shown = self.facets.iter().map(|facet| {
            let offered = OFFERED.iter().find(|(key, _)| *key == facet.key);
            let close = offered.is_none().then(|| asked.url.with(|url| url.facets.retain(|key| *key != facet.key)).to_string());
            // A facet that says nothing new of a line takes no room.
            let values: Vec<(&str, u64)> = facet.values.iter().map(|value| (value.value.as_str(), value.lines)).collect();
            let values: Vec<_> = if values.iter().all(|(value, _)| value.is_empty()) { vec![] } else { values };
            let title = offered.map_or_else(|| facet.key.clone(), |(_, title)| (*title).to_owned());
            let values = Values { key: &facet.key, title, values, distinct: facet.distinct, close };
            list(&LOGS, &asked.url.query, &values, &|service| Colours::default().of(service), &link)
        });
        let shown = shown.collect_view();
        let known = |name: &str| OFFERED.iter().any(|(key, _)| *key == name) || asked.url.facets.iter().any(|facet| facet == name);
        let fields = self.fields.iter().filter(|field| !known(&field.name)).map(|field| {
            let facet = asked.url.with(|url| url.facets.push(field.name.clone())).to_string();
            let column = asked.url.with(|url| super::tools::toggle_column(url, &field.name)).to_string();
            let name = field.name.clone();
            let (count, show) = (format!("Count the values of {name}"), format!("{name} as a column"));
            view! {
                <li>
                    <a class="value" href=facet title=count><span class="name truncate">{name}</span><span class="n">{format!("{} %", field.percent)}</span></a>
                    <a class="exclude" href=column title=show.clone() aria-label=show>"▥"</a>
                </li>
            }
        });
        let fields = fields.collect_view();
        let fields = (!self.fields.is_empty()).then(|| {
            view! {
                <section class="facet" aria-label="Fields">
                    <details><summary><h3>"Fields"</h3></summary><ul>{fields}</ul></details>
                </section>
            }
        });
        view! { <details class="fold" open><summary>"Filters"</summary>{shown}{fields}</details> }.into_any()
    }
}

/// The facets; one whose values are chosen already is counted without that choice, so that the alternatives show.
async fn facets(here: &Here, ask: &Ask, asked: &Asked, search: &LogSearch) -> Result<Vec<LogFacet>, Problem> {
    let keys: Vec<&str> = OFFERED.iter().map(|(key, _)| *key).chain(asked.url.facets.iter().map(String::as_str)).collect();
    let mut plain = Vec::new();
    let mut chosen = Vec::new();
    for key in &keys {
        let field = Key::Attribute { scope: Scope::Any, name: (*key).to_owned() };
        match unchosen(&search.query.filter, &field) {
            None => plain.push((*key).to_owned()),
            Some(filter) => chosen.push(((*key).to_owned(), LogQuery { filter, ..search.query.clone() })),
        }
    }
    let mut facets = here.logs.log_facets(ask, search, &plain, VALUES).await?;
    for (key, query) in chosen {
        facets.extend(here.logs.log_facets(ask, &LogSearch { query, ..search.clone() }, &[key], VALUES).await?);
    }
    facets.sort_by_key(|facet| keys.iter().position(|key| *key == facet.key));
    Ok(facets)
}
