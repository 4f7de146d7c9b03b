//! Every address that is none of ours.

use crate::ui::frame::{page, problem_page};
use leptos::prelude::*;
use model::port::Problem;

#[component]
pub fn NotFoundPage() -> impl IntoView {
    page(|_| async { Ok(problem_page(&Problem::NotFound("page"))) })
}
