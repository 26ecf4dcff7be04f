//! Where an address is in the world, from a MaxMind database (City, Country or ASN).

use std::net::IpAddr;

use maxminddb::{Reader, geoip2};

use super::{Draft, Outcome, Scratch, Transform};
use crate::config::GeoStyle;

/// The transform. The database is in memory.
pub(crate) struct Geoip {
    pub(crate) reader: Reader<Vec<u8>>,
    pub(crate) field: String,
    pub(crate) target: String,
    pub(crate) style: GeoStyle,
}

// === impl Transform ===

impl Transform for Geoip {
    fn apply(&self, draft: &mut Draft, _: &mut Scratch) -> Outcome {
        let Some(text) = draft.text(&self.field) else {
            return Outcome::Pass;
        };
        let Ok(address) = text.parse::<IpAddr>() else {
            return Outcome::Failed(format!("{} is no address", self.field));
        };
        match self.add(draft, address.to_canonical()) {
            Ok(()) => Outcome::Pass,
            Err(error) => Outcome::Failed(format!("the database cannot be read: {error}")),
        }
    }
}

// === impl Geoip ===

impl Geoip {
    fn add(&self, draft: &mut Draft, address: IpAddr) -> Result<(), maxminddb::MaxMindDbError> {
        if address.is_ipv6() && self.reader.metadata().ip_version == 4 {
            return Ok(());
        }
        let found = self.reader.lookup(address)?;
        if self.reader.metadata().database_type.contains("ASN") {
            if let Some(asn) = found.decode::<geoip2::Asn<'_>>()? {
                self.add_asn(draft, &asn);
            }
            return Ok(());
        }
        // A Country database is a City database without the cities.
        let Some(city) = found.decode::<geoip2::City<'_>>()? else {
            return Ok(());
        };
        match self.style {
            GeoStyle::Ecs => self.add_ecs(draft, &city),
            GeoStyle::Punt => add_punt(draft, &city),
        }
        Ok(())
    }

    fn add_ecs(&self, draft: &mut Draft, city: &geoip2::City<'_>) {
        let mut text = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                draft.set_text(&format!("{}.{name}", self.target), value);
            }
        };
        text("continent_code", city.continent.code);
        text("continent_name", city.continent.names.english);
        text("country_iso_code", city.country.iso_code);
        text("country_name", city.country.names.english);
        if let Some(region) = city.subdivisions.first() {
            text("region_name", region.names.english);
            if let (Some(country), Some(region)) = (city.country.iso_code, region.iso_code) {
                text("region_iso_code", Some(&format!("{country}-{region}")));
            }
        }
        text("city_name", city.city.names.english);
        text("postal_code", city.postal.code);
        text("timezone", city.location.time_zone);
        if let (Some(latitude), Some(longitude)) = (city.location.latitude, city.location.longitude) {
            let location = format!("{{\"lon\":{longitude},\"lat\":{latitude}}}");
            draft.set_raw(&format!("{}.location", self.target), location.as_bytes());
        }
    }

    /// `source.geo` is beside `source.as`.
    fn add_asn(&self, draft: &mut Draft, asn: &geoip2::Asn<'_>) {
        let beside = self.target.strip_suffix("geo").unwrap_or(&self.target);
        if let Some(number) = asn.autonomous_system_number {
            draft.set_raw(&format!("{beside}as.number"), number.to_string().as_bytes());
        }
        if let Some(name) = asn.autonomous_system_organization {
            draft.set_text(&format!("{beside}as.organization.name"), name);
        }
    }
}

/// As Punt's `geoip` mutator named them; the place is `[longitude, latitude]`.
fn add_punt(draft: &mut Draft, city: &geoip2::City<'_>) {
    if let Some(code) = city.location.metro_code {
        draft.set_raw("location_metro_code", code.to_string().as_bytes());
    }
    if let Some(code) = city.country.iso_code {
        draft.set_text("location_country_code", code);
    }
    if let (Some(latitude), Some(longitude)) = (city.location.latitude, city.location.longitude) {
        draft.set_raw("location_geo", format!("[{longitude},{latitude}]").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value of MaxMind's format, version 2.
    enum Data {
        Text(&'static str),
        Double(f64),
        U16(u16),
        U32(u32),
        Map(Vec<(&'static str, Data)>),
    }

    fn encode(out: &mut Vec<u8>, data: &Data) {
        // The kind in the upper three bits, the length below; from 29 on, the rest of it in a byte of its own.
        let head = |kind: u8, length: usize| kind << 5 | u8::try_from(length).unwrap();
        match data {
            Data::Text(text) => {
                out.push(head(2, text.len().min(29)));
                if let Some(more) = text.len().checked_sub(29) {
                    out.push(u8::try_from(more).unwrap());
                }
                out.extend_from_slice(text.as_bytes());
            }
            Data::Double(number) => {
                out.push(head(3, 8));
                out.extend_from_slice(&number.to_be_bytes());
            }
            Data::U16(number) => {
                out.push(head(5, 2));
                out.extend_from_slice(&number.to_be_bytes());
            }
            Data::U32(number) => {
                out.push(head(6, 4));
                out.extend_from_slice(&number.to_be_bytes());
            }
            Data::Map(pairs) => {
                out.push(head(7, pairs.len()));
                for (key, value) in pairs {
                    encode(out, &Data::Text(key));
                    encode(out, value);
                }
            }
        }
    }

    /// A database that knows one thing, about 203.0.113.0/24.
    fn database(kind: &'static str, data: &Data) -> Reader<Vec<u8>> {
        let network = u32::from_be_bytes([203, 0, 113, 0]);
        let nodes: u32 = 24;
        let mut bytes = Vec::new();
        for node in 0..nodes {
            // The data begin behind the tree and 16 zeros; a record of `nodes` knows nothing.
            let onward = if node + 1 == nodes { nodes + 16 } else { node + 1 };
            let bit = network >> (31 - node) & 1;
            let (left, right) = if bit == 0 {
                (onward, nodes)
            } else {
                (nodes, onward)
            };
            bytes.extend_from_slice(&left.to_be_bytes()[1..]);
            bytes.extend_from_slice(&right.to_be_bytes()[1..]);
        }
        bytes.extend_from_slice(&[0; 16]);
        encode(&mut bytes, data);
        bytes.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
        // Nine keys; the array of languages and the build time have kinds beyond seven, written as zero and the rest.
        bytes.push(7 << 5 | 9);
        for (key, value) in [
            ("node_count", Data::U32(nodes)),
            ("record_size", Data::U16(24)),
            ("ip_version", Data::U16(4)),
            ("database_type", Data::Text(kind)),
            ("binary_format_major_version", Data::U16(2)),
            ("binary_format_minor_version", Data::U16(0)),
            ("description", Data::Map(Vec::new())),
        ] {
            encode(&mut bytes, &Data::Text(key));
            encode(&mut bytes, &value);
        }
        encode(&mut bytes, &Data::Text("languages"));
        bytes.extend_from_slice(&[0, 11 - 7]);
        encode(&mut bytes, &Data::Text("build_epoch"));
        bytes.extend_from_slice(&[1, 9 - 7, 1]);
        Reader::from_source(bytes).unwrap()
    }

    fn city() -> Data {
        let named = |name| Data::Map(vec![("en", Data::Text(name))]);
        Data::Map(vec![
            ("city", Data::Map(vec![("names", named("Oslo"))])),
            (
                "country",
                Data::Map(vec![("iso_code", Data::Text("NO")), ("names", named("Norway"))]),
            ),
            (
                "location",
                Data::Map(vec![
                    ("latitude", Data::Double(59.5)),
                    ("longitude", Data::Double(10.75)),
                    ("metro_code", Data::U16(7)),
                    ("time_zone", Data::Text("Europe/Oslo")),
                ]),
            ),
        ])
    }

    fn located(reader: Reader<Vec<u8>>, style: GeoStyle, address: &str) -> (Outcome, serde_json::Value) {
        let geoip = Geoip {
            reader,
            field: "client.ip".to_owned(),
            target: "client.geo".to_owned(),
            style,
        };
        let mut draft = Draft::default();
        let document = serde_json::json!({"client.ip": address}).to_string();
        draft.open(document.as_bytes()).unwrap();
        let outcome = geoip.apply(&mut draft, &mut Scratch::default());
        let mut out = Vec::new();
        draft.write(&mut out);
        let mut document: serde_json::Value = serde_json::from_slice(&out).unwrap();
        document.as_object_mut().unwrap().remove("client.ip");
        (outcome, document)
    }

    #[test]
    fn an_address_gets_its_place_in_the_elastic_common_schema() {
        let (outcome, document) = located(database("City", &city()), GeoStyle::Ecs, "203.0.113.9");
        assert_eq!(outcome, Outcome::Pass);
        let expected = serde_json::json!({
            "client.geo.country_iso_code": "NO", "client.geo.country_name": "Norway", "client.geo.city_name": "Oslo",
            "client.geo.timezone": "Europe/Oslo", "client.geo.location": {"lon": 10.75, "lat": 59.5},
        });
        assert_eq!(document, expected);
        let mapped = located(database("City", &city()), GeoStyle::Ecs, "::ffff:203.0.113.9").1;
        assert_eq!(mapped, document);
    }

    #[test]
    fn punts_names_and_autonomous_systems_are_given_too() {
        let (_, document) = located(database("City", &city()), GeoStyle::Punt, "203.0.113.9");
        let expected = serde_json::json!({
            "location_metro_code": 7, "location_country_code": "NO", "location_geo": [10.75, 59.5],
        });
        assert_eq!(document, expected);
        let system = Data::Map(vec![
            ("autonomous_system_number", Data::U32(64500)),
            ("autonomous_system_organization", Data::Text("Example")),
        ]);
        let (_, document) = located(database("GeoLite2-ASN", &system), GeoStyle::Ecs, "203.0.113.9");
        let expected =
            serde_json::json!({"client.as.number": 64500, "client.as.organization.name": "Example"});
        assert_eq!(document, expected);
    }

    #[test]
    fn an_unknown_address_is_no_failure_and_no_address_is_one() {
        let nothing = (Outcome::Pass, serde_json::json!({}));
        assert_eq!(
            located(database("City", &city()), GeoStyle::Ecs, "198.51.100.1"),
            nothing
        );
        let (outcome, _) = located(database("City", &city()), GeoStyle::Ecs, "nowhere");
        assert!(matches!(outcome, Outcome::Failed(_)));
        // An IPv4 database is asked about an IPv6 address.
        let (_, document) = located(database("City", &city()), GeoStyle::Ecs, "2001:db8::1");
        assert_eq!(document, serde_json::json!({}));
    }
}
