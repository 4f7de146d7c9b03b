//! The occurrence as Markdown, for a ticket or a chat.

use super::Drawing;
use super::data::Said;
use crate::ui::error::title;
use crate::url;
use model::time::Rfc3339;

/// Frames that are told.
const FRAMES: usize = 30;

pub(super) fn markdown(drawing: &Drawing) -> String {
    let group = &drawing.detail.group;
    let mut text = format!("## #{} {}\n\n", group.number, title(group));
    let mut fact = |what: &str, value: String| {
        if !value.is_empty() {
            text += &format!("- **{what}**: {value}\n");
        }
    };
    fact("level", group.level.as_str().to_owned());
    fact("status", group.status.as_str().to_owned());
    fact("service", group.service.clone());
    fact("environment", group.environment.clone());
    fact("occurrences", format!("{}, people {}", group.count, group.people));
    fact("first seen", format!("{} {}", Rfc3339(group.first_seen), group.first_version).trim().to_owned());
    fact("last seen", format!("{} {}", Rfc3339(group.last_seen), group.last_version).trim().to_owned());
    let Some(open) = &drawing.occurrence else { return text };
    fact("this occurrence", format!("{} {}", Rfc3339(open.row.time), url::ErrorPage::at(group.number, open.row.seq)));
    fact("route", open.row.context.clone());
    fact("trace", open.row.traces.first().map(ToString::to_string).unwrap_or_default());
    let chains = drawing.said.iter().map(Said::thrown);
    let chain = chains.clone().find(|chain| chain.iter().any(|thrown| !thrown.frames.is_empty()));
    for (n, thrown) in chain.or_else(|| chains.clone().find(|chain| !chain.is_empty())).unwrap_or_default().iter().enumerate() {
        text += &format!("\n{}**{}**: {}\n\n```\n", if n > 0 { "Caused by " } else { "" }, thrown.class, thrown.message);
        for frame in thrown.frames.iter().rev().take(FRAMES) {
            let line = frame.line.map(|line| format!(":{line}")).unwrap_or_default();
            text += &format!("{} ({}{line})\n", frame.method, frame.file);
            if !frame.code.is_empty() && !frame.library {
                text += &format!("    {}\n", frame.code.trim());
            }
        }
        if thrown.frames.is_empty() {
            text += thrown.stack.trim_end();
            text.push('\n');
        }
        text += "```\n";
    }
    if let Some(message) = drawing.said.iter().find_map(Said::message) {
        text += &format!("\n```\n{}\n```\n", message.trim_end());
    }
    text
}
