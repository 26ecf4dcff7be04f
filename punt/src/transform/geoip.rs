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
