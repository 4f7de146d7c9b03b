//! The time axis: which part of it is shown, where a bar lies on it, and its ticks.

/// The part of the time axis that is shown, nanoseconds; `from < to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub from: i64,
    pub to: i64,
}

impl Window {
    /// The zoom if there is one, else the whole extent.
    pub fn of(zoom: Option<(i64, i64)>, extent: (i64, i64)) -> Window {
        let (from, to) = zoom.unwrap_or(extent);
        Window { from, to: to.max(from.saturating_add(1)) }
    }

    pub fn length(self) -> f64 {
        self.to as f64 - self.from as f64
    }

    /// Left edge and width of a bar in percent of the window, cut to it; `None` if it lies outside.
    pub fn bar(self, start: i64, end: i64) -> Option<(f64, f64)> {
        if end < self.from || start > self.to {
            return None;
        }
        let left = (start.max(self.from) as f64 - self.from as f64) / self.length() * 100.0;
        let right = (end.min(self.to) as f64 - self.from as f64) / self.length() * 100.0;
        Some((left, right - left))
    }

    /// Where a moment lies, 0 to 1 inside the window.
    pub fn share(self, at: i64) -> f64 {
        (at as f64 - self.from as f64) / self.length()
    }

    /// The moment at a share of the window.
    pub fn at(self, share: f64) -> i64 {
        self.from.saturating_add((share * self.length()) as i64)
    }
}

/// Round moments inside the window, at most `most` of them: every 1, 2 or 5 times a power of ten.
pub fn ticks(window: Window, most: u32) -> Vec<i64> {
    let wanted = (window.length() / f64::from(most.max(1))).max(1.0);
    let mut step = 1i64;
    while (step as f64) < wanted {
        // 1, 2, 5, 10, 20, 50, ...
        let leading = leading_digit(step);
        let more = if leading == 2 { step.checked_mul(5).map(|more| more / 2) } else { step.checked_mul(2) };
        match more {
            Some(more) => step = more,
            None => return Vec::new(),
        }
    }
    let first = window.from.div_euclid(step) + i64::from(window.from.rem_euclid(step) != 0);
    (first..).map_while(|n| n.checked_mul(step)).take_while(|&at| at <= window.to).take(most as usize + 1).collect()
}

fn leading_digit(mut number: i64) -> i64 {
    while number >= 10 {
        number /= 10;
    }
    number
}
