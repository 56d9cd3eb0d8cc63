//! Reading a form with a file in it (RFC 7578); the whole form is small and in memory.

/// A field or a file of a form.
pub struct Part<'a> {
    pub name: String,
    pub file_name: Option<String>,
    pub content: &'a [u8],
}

/// Parts of one form.
const PARTS_MAX: usize = 16;

/// The parts of a body; `None` when it is not of that form.
pub fn read<'a>(content_type: &str, body: &'a [u8]) -> Option<Vec<Part<'a>>> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.trim().split_once('=')?;
        name.eq_ignore_ascii_case("boundary").then(|| value.trim_matches('"'))
    })?;
    if boundary.is_empty() || boundary.len() > 70 {
        return None;
    }
    let first = format!("--{boundary}");
    let between = format!("\r\n--{boundary}");
    let mut rest = body.strip_prefix(first.as_bytes())?;
    let mut parts = Vec::new();
    loop {
        if rest.starts_with(b"--") {
            return Some(parts);
        }
        rest = rest.strip_prefix(b"\r\n")?;
        let end = find(rest, between.as_bytes())?;
        let (part, after) = rest.split_at_checked(end)?;
        rest = after.get(between.len()..)?;
        parts.push(read_part(part)?);
        if parts.len() > PARTS_MAX {
            return None;
        }
    }
}

fn read_part(part: &[u8]) -> Option<Part<'_>> {
    let end = find(part, b"\r\n\r\n")?;
    let (head, content) = part.split_at_checked(end)?;
    let head = std::str::from_utf8(head).ok()?;
    let mut fields = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let (_, disposition) =
        fields.find(|(name, _value)| name.eq_ignore_ascii_case("content-disposition"))?;
    Some(Part {
        name: parameter(disposition, "name")?,
        file_name: parameter(disposition, "filename"),
        content: content.get(4..)?,
    })
}

/// A quoted parameter, as browsers write it: a quote within is `%22`.
fn parameter(disposition: &str, name: &str) -> Option<String> {
    let start = format!("; {name}=\"");
    let (_, rest) = disposition.split_once(&start)?;
    let (value, _) = rest.split_once('"')?;
    Some(value.replace("%22", "\""))
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &str = "multipart/form-data; boundary=x-1";

    #[test]
    fn fields_and_a_file_are_found_to_the_byte() {
        let body = b"--x-1\r\nContent-Disposition: form-data; name=\"day\"\r\n\r\n2026-11-24\r\n\
            --x-1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a%22b.csv\"\r\n\
            Content-Type: text/csv\r\n\r\na,b\r\n--x\r\n\xff\r\n--x-1--\r\n";
        let parts = read(KIND, body).unwrap();
        assert_eq!((parts[0].name.as_str(), parts[0].content), ("day", &b"2026-11-24"[..]));
        assert_eq!(parts[1].file_name.as_deref(), Some("a\"b.csv"));
        assert_eq!(parts[1].content, b"a,b\r\n--x\r\n\xff");
    }

    #[test]
    fn what_is_not_of_the_form_is_none() {
        for body in ["", "--x-1", "--x-1\r\n", "--x-1\r\nno head\r\n--x-1--", "--y\r\n"] {
            assert!(read(KIND, body.as_bytes()).is_none(), "{body:?}");
        }
        assert!(read("text/plain", b"").is_none());
        assert!(read("multipart/form-data; boundary=", b"--").is_none());
        assert!(read(KIND, b"--x-1--").unwrap().is_empty());
    }
}
