//! What can be done to the group: each a form or a button of one.

use super::Drawing;
use crate::ui::error::{SNOOZES, act, form, your_name};
use leptos::prelude::*;
use model::error::{ErrorLevel, ErrorStatus};

pub(super) fn actions(drawing: &Drawing) -> AnyView {
    let group = &drawing.detail.group;
    let numbers = [group.number];
    let back = drawing.url.to_string();
    let send = |class: &'static str, body: AnyView| form(class, &numbers, back.clone(), body);
    let active = group.status == ErrorStatus::Active;
    let main = view! {
        {active.then(|| act("resolve", "Resolve", "It is done: it is regressed if it comes back (e)", "button primary"))}
        {(!active).then(|| act("reopen", "Reopen", "Active again (r)", "button primary"))}
        {(group.status != ErrorStatus::Muted).then(|| act("mute", "Mute", "Not to be seen again (m)", "button"))}
    };
    let resolve = view! {
        {send("row", act("resolve", "Now", "From now on", "button"))}
        {send("row", act("resolve-deploy", "In the next deploy", "What comes before the next deploy is not a regression", "button"))}
        {send("row", view! {
            <input class="input" name="version" maxlength="80" placeholder="1.2.3" aria-label="Version" required=true/>
            {act("resolve-version", "In this version", "What comes from older versions is not a regression", "button")}
        }.into_any())}
    };
    let snoozes = SNOOZES.into_iter().filter(|(value, _)| !value.ends_with("more")).map(|(value, text)| {
        let fields = view! { <input type="hidden" name="for" value=value/>{act("snooze", text, "Active again after so long", "button")} };
        send("row", fields.into_any())
    });
    let snooze = view! {
        {snoozes.collect_view()}
        {send("row", view! {
            <input class="input" type="number" name="more" min="1" max="1000000000" value="10" aria-label="Occurrences" required=true/>
            {act("snooze-more", "more occurrences", "Active again after so many more", "button")}
        }.into_any())}
    };
    let me = (!drawing.visitor.is_empty() && group.assignee.as_ref() != Some(&drawing.visitor))
        .then(|| send("row", act("assign-me", "Me", "I deal with it", "button")));
    let nobody = group.assignee.is_some().then(|| {
        let fields = view! { <input type="hidden" name="who" value=""/>{act("assign", "Nobody", "Nobody deals with it", "button")} };
        send("row", fields.into_any())
    });
    let assign = view! {
        {me}
        {send("row", view! {
            <input class="input" name="who" id="who" maxlength="80" autocomplete="off" placeholder="a name" aria-label="Assign to" required=true/>
            {act("assign", "Assign", "This person deals with it", "button")}
        }.into_any())}
        {nobody}
    };
    let levels = ErrorLevel::ALL.map(|level| {
        let name = level.as_str();
        view! { <option value=name selected=level == group.level>{name}</option> }
    });
    let edit = view! {
        {send("wide", view! {
            <label>"Title"<input class="input" name="title" maxlength="300" value=group.title.clone() required=true/></label>
            {act("title", "Rename", "What comes later does not rename it again", "button")}
        }.into_any())}
        {send("row", view! {
            <select class="input" name="level" aria-label="Level">{levels.into_iter().collect_view()}</select>
            {act("level", "Set the level", "What comes later does not change it again", "button")}
        }.into_any())}
        {send("row", view! {
            <input class="input" name="into" maxlength="20" placeholder="#12" aria-label="Number of the error to merge it into" required=true/>
            {act("merge", "Merge into", "They are one: what this has and what is still to come counts for the other. It can be undone", "button")}
        }.into_any())}
        {your_name(&drawing.visitor, back.clone())}
    };
    view! {
        <div class="e-actions" role="group" aria-label="Do">
            {send("row", main.into_any())}
            {active.then(|| menu("Resolve…", "", resolve.into_any()))}
            {menu("Snooze…", "s", snooze.into_any())}
            {menu("Assign…", "a", assign.into_any())}
            {menu("Edit…", "", edit.into_any())}
        </div>
    }
    .into_any()
}

/// A menu, and the key that opens it.
fn menu(text: &'static str, key: &'static str, body: AnyView) -> AnyView {
    view! { <details class="menu e-menu" data-menu=key><summary class="button">{text}</summary><div class="panel stack">{body}</div></details> }.into_any()
}
