//! The address of a server: scheme, host, port, and what of the path and the user stand in it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper::Uri;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::Error;

/// What cannot stand in a path or a query as it is. (Commas, `*` and `%` can, and have a meaning there.)
const UNSAFE: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Where a server is.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    /// `http://host:port/prefix`, as configured.
    given: String,
    /// `http://host:port/prefix/`, always with the last slash.
    base: String,
    /// `Basic …`, from a user and password in the URL.
    pub(crate) authorization: Option<String>,
    pub(crate) https: bool,
}

// === impl Address ===

impl Address {
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        let refuse = |reason: &str| Error::Address {
            url: without_password(url),
            reason: reason.to_owned(),
        };
        let uri: Uri = url.trim().parse().map_err(|_| refuse("it is no URL"))?;
        let https = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(refuse("its scheme is neither \"http\" nor \"https\"")),
        };
        let authority = uri.authority().ok_or_else(|| refuse("it has no host"))?.as_str();
        let (user, host) = authority
            .rsplit_once('@')
            .map_or((None, authority), |(user, host)| (Some(user), host));
        if host.is_empty() || host.starts_with(':') {
            return Err(refuse("it has no host"));
        }
        if uri.query().is_some() {
            return Err(refuse("it has a query, and only a path may follow the host"));
        }
        let scheme = if https { "https" } else { "http" };
        let slash = if uri.path().ends_with('/') { "" } else { "/" };
        let given = format!("{scheme}://{host}{}", uri.path());
        Ok(Self {
            base: format!("{given}{slash}"),
            given,
            authorization: user.map(basic_of_url),
            https,
        })
    }

    /// The address of a path below, which has no leading slash. An empty path is the address as configured.
    pub(crate) fn join(&self, path: &str) -> Result<Uri, Error> {
        let whole = match path {
            "" => self.given.clone(),
            path => format!("{}{}", self.base, utf8_percent_encode(path, UNSAFE)),
        };
        whole.parse().map_err(|_| Error::Address {
            url: whole.clone(),
            reason: "it is no URL".to_owned(),
        })
    }

    /// The address without user and password: for logs.
    pub(crate) fn shown(&self) -> &str {
        self.base.trim_end_matches('/')
    }
}

/// `Basic` for this user and password.
pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

fn basic_of_url(user: &str) -> String {
    let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    basic(&decode(user), &decode(password))
}

/// A faulty URL is shown, what may be a password in it is not.
fn without_password(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 <= at => {
            format!(
                "{}***{}",
                url.get(..scheme + 3).unwrap_or_default(),
                url.get(at..).unwrap_or_default()
            )
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_become_a_header_and_are_not_shown() {
        let address = Address::parse("https://elastic:p%40ss@engine:9200/es").unwrap();
        assert_eq!(address.shown(), "https://engine:9200/es");
        assert_eq!(address.authorization.unwrap(), basic("elastic", "p@ss"));
        let error = Address::parse("ftp://me:secret@engine").unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn a_path_is_put_below_the_address_whatever_it_has() {
        let address = Address::parse("http://engine:9200").unwrap();
        for (path, whole) in [
            ("", "http://engine:9200/"),
            ("a,b-*/_search?q=1", "http://engine:9200/a,b-*/_search?q=1"),
            ("a b/{x}", "http://engine:9200/a%20b/%7Bx%7D"),
        ] {
            assert_eq!(address.join(path).unwrap().to_string(), whole);
        }
    }

    #[test]
    fn the_address_itself_is_used_as_configured() {
        for url in ["http://a:1/ingest", "http://a:1/ingest/", "http://a:1/"] {
            assert_eq!(Address::parse(url).unwrap().join("").unwrap().to_string(), url);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for url in [
            "",
            "engine:9200",
            "http://",
            "http://:9200",
            "http://e/?x=1",
            "http://a b",
        ] {
            assert!(Address::parse(url).is_err(), "{url}");
        }
    }
}
