//! A place in a trace: the header `traceparent` of W3C Trace Context.

use std::fmt;

/// A trace, and the span in it that is the parent of what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    trace: u128,
    span: u64,
    sampled: bool,
}

/// The length of `00-<trace>-<span>-<flags>`, in characters.
const LENGTH: usize = 55;

impl TraceParent {
    /// `None` for ids of zero, which stand for no trace and no span.
    #[must_use]
    pub const fn new(trace: u128, span: u64, sampled: bool) -> Option<Self> {
        if trace == 0 || span == 0 { None } else { Some(Self { trace, span, sampled }) }
    }

    /// Reads a header. From an unknown version only the part that stays the same is read (W3C Trace
    /// Context, section 4.3).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (known, rest) = text.split_at_checked(LENGTH)?;
        let mut parts = known.split('-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let lower = |part: &str, length: usize| {
            part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let whole = parts.next().is_none()
            && lower(version, 2)
            && lower(trace, 32)
            && lower(span, 16)
            && lower(flags, 2);
        let ends = if version == "00" {
            rest.is_empty()
        } else {
            rest.is_empty() || rest.starts_with('-')
        };
        if !whole || !ends || version == "ff" {
            return None;
        }
        let flags = u8::from_str_radix(flags, 16).ok()?;
        let trace = u128::from_str_radix(trace, 16).ok()?;
        Self::new(trace, u64::from_str_radix(span, 16).ok()?, flags & 1 == 1)
    }

    #[must_use]
    pub const fn trace(self) -> u128 {
        self.trace
    }

    #[must_use]
    pub const fn span(self) -> u64 {
        self.span
    }

    /// Whether the spans of the trace are kept.
    #[must_use]
    pub const fn is_sampled(self) -> bool {
        self.sampled
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace, span, sampled } = self;
        write!(f, "00-{trace:032x}-{span:016x}-{:02x}", u8::from(*sampled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_and_written_as_it_was() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let parent = TraceParent::parse(text).unwrap();
        assert!(parent.is_sampled());
        assert_eq!(parent.to_string(), text);
        // The other flags have no known meaning and are not passed on.
        let flags = TraceParent::parse(&text.replace("-01", "-fe")).unwrap();
        assert!(flags.to_string().ends_with("-00"));
        let later = format!("{}-more", text.replacen("00-", "cc-", 1));
        assert_eq!(TraceParent::parse(&later).unwrap(), parent);
    }

    #[test]
    fn what_is_no_header_is_none() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let zeros = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        let span = "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01";
        let more = format!("{text}-more");
        let (upper, ff) = (text.to_uppercase(), text.replacen("00-", "ff-", 1));
        let wide = "é".repeat(55);
        let dashes = "-".repeat(55);
        let short = text.strip_suffix('1').unwrap();
        for bad in ["", "00", zeros, span, &more, &upper, &ff, short, &wide, &dashes] {
            assert_eq!(TraceParent::parse(bad), None, "{bad}");
        }
    }
}
