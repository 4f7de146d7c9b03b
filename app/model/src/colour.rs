//! Which colour a service has. The style sheet has twelve (`svc-0` to `svc-11`); every page picks with the same rule, so
//! that a service keeps its colour from page to page.

/// How many service colours the style sheet has.
pub const COLOURS: u8 = 12;

/// The colour a service would have if it were alone: FNV-1a of its name.
fn preferred(service: &str) -> u8 {
    let hash = service.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    // The low bits of FNV-1a barely depend on the first letters; fold the high ones in.
    ((hash ^ hash >> 32) % u64::from(COLOURS)) as u8
}

/// The colours of the services that are shown together: different ones while there are enough. Order and repetition of the
/// names do not matter, so two pages that show the same services agree.
pub fn colours<'a>(services: impl IntoIterator<Item = &'a str>) -> Colours {
    let mut names: Vec<&str> = services.into_iter().collect();
    names.sort_unstable();
    names.dedup();
    let mut taken = [false; COLOURS as usize];
    let mut given = Vec::with_capacity(names.len());
    for name in names {
        if taken.iter().all(|&t| t) {
            taken = [false; COLOURS as usize];
        }
        let first = preferred(name);
        let colour = (0..COLOURS).map(|step| (first + step) % COLOURS).find(|&c| !taken[usize::from(c)]).unwrap_or(first);
        taken[usize::from(colour)] = true;
        given.push((name.to_owned(), colour));
    }
    Colours(given)
}

/// See [`colours`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Colours(Vec<(String, u8)>);

impl Colours {
    /// The colour of a service, 0 to 11; of one that was not named, the colour it would have alone.
    pub fn of(&self, service: &str) -> u8 {
        match self.0.binary_search_by(|(name, _)| name.as_str().cmp(service)) {
            Ok(at) => self.0[at].1,
            Err(_) => preferred(service),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_shown_together_differ_and_order_does_not_matter() {
        let names: Vec<String> = (0..12).map(|n| format!("service-{n}")).collect();
        let one = colours(names.iter().map(String::as_str));
        let two = colours(names.iter().rev().chain(&names).map(String::as_str));
        assert_eq!(one, two);
        let mut all: Vec<u8> = names.iter().map(|name| one.of(name)).collect();
        all.sort_unstable();
        assert_eq!(all, (0..12).collect::<Vec<u8>>());
        assert_eq!(colours(["lonely"]).of("lonely"), Colours::default().of("lonely"));
    }
}
