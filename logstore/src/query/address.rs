//! Ranges and networks of IP addresses.
//!
//! An address is indexed as an exact string in canonical form, which has no order that a range could use. So a range
//! walks the distinct addresses of each segment's dictionary and asks for those that lie in it: as many steps as
//! there are addresses, whatever the number of documents.

use std::net::{IpAddr, Ipv6Addr};

use serde_json::Value;
use tantivy::Term;
use tantivy::query::{EmptyQuery, EnableScoring, Query, TermQuery, TermSetQuery, Weight};
use tantivy::schema::IndexRecordOption;

use super::ast::Range;
use super::dsl::text;
use super::terms;
use crate::engine::schema::Fields;
use crate::error::{ApiError, ApiResult};
use crate::mapping::Field;

/// The documents that have one address, or one of a network (`10.0.0.0/8`).
///
/// # Errors
/// An `illegal_argument_exception` for what is neither.
pub fn term(fields: &Fields, field: &Field, value: &str) -> ApiResult<Box<dyn Query>> {
    if let Some((address, prefix)) = value.split_once('/') {
        let (from, to) = network(address, prefix)
            .ok_or_else(|| ApiError::argument(format!("Expected [ip/prefix] but was [{value}]")))?;
        return Ok(between(fields, field, from, to));
    }
    let address = parse(value)?.to_canonical().to_string();
    let term = terms::string(fields.keyword, &field.path, &address);
    Ok(Box::new(TermQuery::new(term, IndexRecordOption::Basic)))
}

/// The documents with an address in a range; a bound may be a network, whose first or last address is meant.
pub fn range(fields: &Fields, field: &Field, range: &Range) -> ApiResult<Box<dyn Query>> {
    let bound = |value: &Value, lower: bool| -> ApiResult<u128> {
        let value = text(value);
        match value
            .split_once('/')
            .and_then(|(address, prefix)| network(address, prefix))
        {
            Some((first, last)) => Ok(if lower { first } else { last }),
            None => parse(&value).map(number),
        }
    };
    let from = match &range.from {
        None => Some(0),
        Some((value, true)) => Some(bound(value, true)?),
        Some((value, false)) => bound(value, false)?.checked_add(1),
    };
    let to = match &range.to {
        None => Some(u128::MAX),
        Some((value, true)) => Some(bound(value, false)?),
        Some((value, false)) => bound(value, true)?.checked_sub(1),
    };
    match (from, to) {
        (Some(from), Some(to)) if from <= to => Ok(between(fields, field, from, to)),
        _ => Ok(Box::new(EmptyQuery)),
    }
}

fn between(fields: &Fields, field: &Field, from: u128, to: u128) -> Box<dyn Query> {
    Box::new(Addresses {
        family: fields.keyword,
        path: field.path.to_string(),
        from,
        to,
    })
}

fn parse(value: &str) -> ApiResult<IpAddr> {
    value
        .parse()
        .map_err(|_| ApiError::argument(format!("'{value}' is not an IP string literal.")))
}

/// An address as a number; IPv4 lies in IPv6, as in Elasticsearch.
fn number(address: IpAddr) -> u128 {
    let wide = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    u128::from(wide)
}

/// The first and last address of a network.
pub fn network(address: &str, prefix: &str) -> Option<(u128, u128)> {
    let address: IpAddr = address.parse().ok()?;
    let bits: u32 = prefix.parse().ok()?;
    let bits = match address {
        IpAddr::V4(_) => bits.checked_add(96)?,
        IpAddr::V6(_) => bits,
    };
    (bits <= 128).then_some(())?;
    let mask = if bits == 0 { 0 } else { u128::MAX << (128 - bits) };
    let first = number(address) & mask;
    Some((first, first | !mask))
}

/// One or more addresses of a field.
#[derive(Debug, Clone)]
struct Addresses {
    family: tantivy::schema::Field,
    path: String,
    from: u128,
    to: u128,
}

impl Query for Addresses {
    fn weight(&self, scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        let start = terms::string(self.family, &self.path, "")
            .serialized_value_bytes()
            .to_vec();
        let mut found: Vec<Term> = Vec::new();
        for segment in scoring
            .searcher()
            .into_iter()
            .flat_map(|searcher| searcher.segment_readers())
        {
            let index = segment.inverted_index(self.family)?;
            let mut known = index.terms().range().ge(&start).into_stream()?;
            while known.advance() {
                let Some(address) = known.key().strip_prefix(&*start) else {
                    break;
                };
                let address = std::str::from_utf8(address)
                    .ok()
                    .and_then(|text| text.parse().ok());
                if let Some(address) = address.map(|address: IpAddr| (address, number(address)))
                    && (self.from..=self.to).contains(&address.1)
                {
                    found.push(terms::string(self.family, &self.path, &address.0.to_string()));
                }
            }
        }
        TermSetQuery::new(found).weight(scoring)
    }
}

/// The text of an address that is kept as a number.
pub fn shown(number: u128) -> String {
    Ipv6Addr::from(number).to_canonical().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_its_first_and_its_last_address() {
        let shown =
            |network: Option<(u128, u128)>| network.map(|(from, to)| (super::shown(from), super::shown(to)));
        assert_eq!(
            shown(network("10.1.2.3", "8")),
            Some(("10.0.0.0".into(), "10.255.255.255".into()))
        );
        assert_eq!(
            shown(network("10.1.2.3", "32")),
            Some(("10.1.2.3".into(), "10.1.2.3".into()))
        );
        assert_eq!(
            shown(network("2001:db8::1", "32")),
            Some((
                "2001:db8::".into(),
                "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff".into()
            ))
        );
        assert_eq!(network("10.0.0.0", "33"), None);
        assert_eq!(
            network("0.0.0.0", "0").map(|(from, to)| to - from),
            Some(u128::from(u32::MAX))
        );
    }
}
