//! Shares of a width as CSS writes them.

/// A number with two digits after the point and `%`: enough for a pixel of the widest screen, and no float formatting.
pub(crate) fn percent(value: f64) -> String {
    let thousandths = (value * 1000.0) as i64;
    let (whole, rest) = (thousandths / 1000, (thousandths % 1000).unsigned_abs());
    let mut text = whole.to_string();
    text.push('.');
    for divisor in [100, 10, 1] {
        text.push(char::from(b'0' + (rest / divisor % 10) as u8));
    }
    text.push('%');
    text
}
