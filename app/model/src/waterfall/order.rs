//! One sort for all of the waterfall: each type that is sorted in its own right is another three kilobytes in the browser.

/// Sorts nodes by what `key` gives, equal ones staying as they were.
pub(super) fn by_key(nodes: &mut [u32], key: &dyn Fn(u32) -> (i64, i64)) {
    nodes.sort_by_key(|&n| key(n));
}
