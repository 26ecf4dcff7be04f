//! `multipart/form-data`, as far as clients use it for messages without files: the part called `payload_json`.

use memchr::memmem;

/// The boundary named in a content type, if that is `multipart/form-data`.
pub(crate) fn boundary(content_type: &str) -> Option<&str> {
    let mut parameters = content_type.split(';').map(str::trim);
    if !parameters.next()?.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let value = parameters.find_map(|parameter| parameter.strip_prefix("boundary="))?;
    Some(value.trim_matches('"')).filter(|boundary| !boundary.is_empty())
}

/// The bytes of the part called `name`.
pub(crate) fn part<'a>(body: &'a [u8], boundary: &str, name: &str) -> Option<&'a [u8]> {
    let delimiter = format!("--{boundary}");
    let wanted = format!("name=\"{name}\"");
    let mut rest = &body[memmem::find(body, delimiter.as_bytes())? + delimiter.len()..];
    loop {
        rest = rest.strip_prefix(b"\r\n")?;
        let end = memmem::find(rest, format!("\r\n{delimiter}").as_bytes())?;
        let part = &rest[..end];
        let head = memmem::find(part, b"\r\n\r\n")?;
        if memmem::find(&part[..head], wanted.as_bytes()).is_some() {
            return Some(&part[head + 4..]);
        }
        rest = &rest[end + 2 + delimiter.len()..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"--xyz\r\nContent-Disposition: form-data; name=\"files[0]\"; filename=\"a\"\r\n\r\n\x00\r\n--xy\r\n\
        --xyz\r\nContent-Disposition: form-data; name=\"payload_json\"\r\nContent-Type: application/json\r\n\r\n{\"content\":\"hi\"}\r\n--xyz--\r\n";

    #[test]
    fn the_part_is_found_behind_others() {
        let boundary = boundary("multipart/form-data; boundary=\"xyz\"").unwrap();
        assert_eq!(
            part(BODY, boundary, "payload_json"),
            Some(&b"{\"content\":\"hi\"}"[..])
        );
        assert_eq!(part(BODY, boundary, "other"), None);
        assert_eq!(part(&BODY[..90], boundary, "payload_json"), None, "cut off");
        assert_eq!(part(b"", boundary, "payload_json"), None);
    }

    #[test]
    fn only_multipart_has_a_boundary() {
        assert_eq!(boundary("application/json"), None);
        assert_eq!(boundary("multipart/form-data"), None);
        assert_eq!(boundary("Multipart/Form-Data; charset=x; boundary=b"), Some("b"));
    }
}
