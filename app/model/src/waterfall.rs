//! The waterfall's maths: from the columns of a trace to rows, bars and figures. Pure, iterative (a chain of 100,000
//! spans is no deeper for the stack than one of ten), and the same on the server and in the browser.
//!
//! A **node** is what can have a row: a span, a parent that is missing, or a group of like siblings; nodes are numbers in
//! that order (see [`Tree`]). Times are nanoseconds from [`crate::columns::Columns::base`].

mod order;

mod view;
pub use view::{FoldBase, Folds, Tab, View};

mod tree;
pub use tree::{GROUP_AT_LEAST, Group, NONE, Node, Tree};

mod times;
pub use times::{Skew, Times, skews};

mod rows;
pub use rows::{Pruned, Row, Rows};

mod cost;
pub use cost::{Critical, Section, self_times};

mod operations;
pub use operations::{Operation, SortBy, operations, sort_operations};

mod flame;
pub use flame::Flame;

mod minimap;
pub use minimap::{Cell, minimap};

mod axis;
pub use axis::{Window, ticks};

mod find;
pub use find::find_in_columns;

#[cfg(test)]
mod tests;
