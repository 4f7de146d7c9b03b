//! Search inside the trace: at once in names and services, and a moment later in everything, by the server.

use super::dom::{after, by_id, count, make, text};
use super::page::{Page, Stale, with};
use super::{address, dom};
use leptos::task::spawn_local;
use model::waterfall::find_in_columns;

/// Counts what was asked for: an answer that was overtaken is thrown away.
#[derive(Default)]
pub(super) struct State {
    asked: u32,
}

/// The search the address asks for.
pub(super) fn run_first() {
    with(|page| {
        if !page.view.query.is_empty() {
            run(page, false);
        }
    });
}

/// Searches for what is in the view; `jump` to the first hit when there are any.
pub(super) fn run(page: &mut Page, jump: bool) {
    page.search.asked += 1;
    let asked = page.search.asked;
    page.found = find_in_columns(&page.data.columns, &page.view.query);
    page.search_hits();
    page.touch(Stale { rows: true, ..Stale::default() });
    if page.view.query.trim().is_empty() {
        return;
    }
    let url = [&page.api, "/matches", &address::query(&page.view)].concat();
    after(120, move || {
        if with(|page| page.search.asked == asked) != Some(true) {
            return;
        }
        spawn_local(async move {
            let Some(answer) = text(&url).await else { return };
            with(|page| {
                if page.search.asked == asked {
                    // The answer is {"spans":[0,5,...]}: its numbers are all there is.
                    for number in answer.split(|c: char| !c.is_ascii_digit()) {
                        if let Some(found) = number.parse::<usize>().ok().and_then(|n| page.found.get_mut(n)) {
                            *found = true;
                        }
                    }
                    page.search_hits();
                    if jump && page.view.span.is_none() {
                        super::actions::next_hit(page, 1);
                    }
                    page.touch(Stale { rows: true, ..Stale::default() });
                }
            });
        });
    });
}

impl Page {
    /// Orders the hits as the rows are, and says how many there are.
    pub fn search_hits(&mut self) {
        let found = &self.found;
        self.hits = self.data.tree.order.iter().copied().filter(|&n| found.get(n as usize).copied().unwrap_or_default()).collect();
        self.say_hits();
    }

    /// `3 of 17` beside the box, and the two steps.
    pub fn say_hits(&self) {
        let Some(place) = by_id("hits") else { return };
        let at = self.hits.iter().position(|&hit| hit == self.cursor);
        let text = match (self.view.query.trim().is_empty(), self.hits.len(), at) {
            (true, ..) => String::new(),
            (_, 0, _) => "none".to_owned(),
            (_, n, None) => count(n as u64),
            (_, n, Some(at)) => [&count(at as u64 + 1), " of ", &count(n as u64)].concat(),
        };
        if place.text_content().as_deref() != Some(&text) {
            place.set_text_content(Some(&text));
        }
        let Some(steps) = by_id("steps") else { return };
        let wanted = !self.hits.is_empty();
        if wanted != (steps.child_element_count() > 0) {
            steps.set_text_content(None);
            for (step, sign, label) in [("-1", "↑", "Previous hit"), ("1", "↓", "Next hit")].into_iter().filter(|_| wanted) {
                let button = make("button", "button quiet icon");
                for (name, value) in [("type", "button"), ("data-hit", step), ("aria-label", label)] {
                    dom::set(&button, name, value);
                }
                button.set_text_content(Some(sign));
                dom::add(&steps, &button);
            }
        }
    }
}
