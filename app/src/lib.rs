//! Pages.

pub mod url;
