//! The trace page alive. The server drew a window of it; this takes the same elements over: all rows, of which some sixty
//! are in the document at a time, minimap, zoom, folding, search, keys, flame graph and table. What it shows
//! follows from the view in the address and the columns; it writes the address back as the view changes.
//!
//! Elements are made and changed by hand, not by signals: a frame of scrolling touches only the rows that come into sight.

use leptos::prelude::*;

#[cfg(feature = "hydrate")]
mod actions;
#[cfg(feature = "hydrate")]
mod address;
#[cfg(feature = "hydrate")]
mod dom;
#[cfg(feature = "hydrate")]
mod events;
#[cfg(feature = "hydrate")]
mod flame;
#[cfg(feature = "hydrate")]
mod keys;
#[cfg(feature = "hydrate")]
mod map;
#[cfg(feature = "hydrate")]
mod page;
#[cfg(feature = "hydrate")]
mod panel;
#[cfg(feature = "hydrate")]
mod rows;
#[cfg(feature = "hydrate")]
mod search;
#[cfg(feature = "hydrate")]
mod table;

/// Brings the page's `#trace` to life. It has no element of its own.
#[island]
pub fn Waterfall() -> impl IntoView {
    #[cfg(feature = "hydrate")]
    Effect::new(|_| page::start());
}
