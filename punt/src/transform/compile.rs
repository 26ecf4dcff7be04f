//! From the configuration of a transform to the transform; what is wrong with it is said by `punt check`, too.

use jiff::tz::TimeZone;
use punt_parse::KeyValue;
use regex::Regex;

use super::Transform;
use super::date::{Date, TimeFormat, Unixtime};
use super::edit::{Assigned, Direct, DropAll, Keep, Lowercase, Names, Remove, Rename, Set};
use super::geoip::Geoip;
use super::limit::{Dedupe, Sample, Throttle};
use super::parse::{self, Parse};
use super::redact::Redact;
use crate::config::{Format, ParseConfig, TransformConfig, UnpackConfig};

/// What is wrong with the configuration, without opening any file.
pub(crate) fn faults(config: &TransformConfig) -> Vec<String> {
    match config {
        // The database may be on another machine than the check.
        TransformConfig::Geoip(geoip) => match geoip.field.is_empty() || geoip.target.is_empty() {
            true => vec!["field and target must not be empty".to_owned()],
            false => Vec::new(),
        },
        config => compile(config).err().into_iter().collect(),
    }
}

/// Makes the transform. The error says what is wrong.
pub(crate) fn compile(config: &TransformConfig) -> Result<Box<dyn Transform>, String> {
    Ok(match config {
        TransformConfig::Parse(config) => Box::new(parse(config)?),
        TransformConfig::UnpackMerge(config) => Box::new(unpack(config, parse::Format::Json)),
        TransformConfig::UnpackTake(config) => Box::new(unpack(config, parse::Format::Take)),
        TransformConfig::Direct(_) => Box::new(Direct),
        TransformConfig::Drop(_) => Box::new(DropAll),
        TransformConfig::Date(config) => {
            if config.formats.is_empty() {
                return Err("formats is empty, and no time could be read".to_owned());
            }
            let formats = config.formats.iter().map(|text| TimeFormat::parse(text));
            Box::new(Date {
                field: config.field.clone(),
                formats: formats.collect::<Result<_, _>>()?,
                zone: zone(&config.time_zone)?,
                target: config.target.clone(),
            })
        }
        TransformConfig::Unixtime(config) => {
            if config.target.is_some() && config.fields.len() != 1 {
                return Err("target is for one field".to_owned());
            }
            Box::new(Unixtime {
                fields: config.fields.clone(),
                unit: config.unit,
                target: config.target.clone(),
            })
        }
        TransformConfig::Rename(config) => {
            if config
                .fields
                .iter()
                .any(|(from, to)| from.is_empty() || to.is_empty())
            {
                return Err("a field has an empty name".to_owned());
            }
            Box::new(Rename(config.fields.clone().into_iter().collect()))
        }
        TransformConfig::Remove(config) => Box::new(Remove(Names::new(&config.fields)?)),
        TransformConfig::Keep(config) => Box::new(Keep(Names::new(&config.fields)?)),
        TransformConfig::Lowercase(config) => Box::new(Lowercase(Names::new(&config.fields)?)),
        TransformConfig::Set(config) => {
            let fields = config.fields.iter().map(|(name, value)| match name.is_empty() {
                true => Err("a field has an empty name".to_owned()),
                false => Ok((name.clone(), Assigned::new(value)?)),
            });
            Box::new(Set {
                fields: fields.collect::<Result<_, _>>()?,
                overwrite: config.overwrite,
            })
        }
        TransformConfig::Geoip(config) => {
            let path = config.database.display();
            let reader = maxminddb::Reader::open_readfile(&config.database)
                .map_err(|error| format!("cannot read the database {path}: {error}"))?;
            Box::new(Geoip {
                reader,
                field: config.field.clone(),
                target: config.target.clone(),
                style: config.style,
            })
        }
        TransformConfig::Redact(config) => Box::new(Redact::new(
            &config.fields,
            &config.secrets,
            &config.patterns,
            &config.replacement,
            config.hash_key.as_deref(),
        )?),
        TransformConfig::Sample(config) => {
            if !(0.0..=1.0).contains(&config.rate) {
                return Err(format!("rate is {}, and must be from 0 to 1", config.rate));
            }
            Box::new(Sample {
                rate: config.rate,
                key: config.key.clone(),
            })
        }
        TransformConfig::Throttle(config) => {
            let burst = config.burst.unwrap_or(config.events_per_second.max(1.0));
            if !(config.events_per_second > 0.0 && config.events_per_second.is_finite()) {
                return Err(format!(
                    "events_per_second is {}, and must be above 0",
                    config.events_per_second
                ));
            }
            if !(burst >= 1.0 && burst.is_finite()) || config.max_keys == 0 {
                return Err("burst and max_keys must be at least 1".to_owned());
            }
            Box::new(Throttle::new(
                config.events_per_second,
                burst,
                config.key.clone(),
                config.max_keys,
            ))
        }
        TransformConfig::Dedupe(config) => {
            if config.fields.is_empty() || config.max_keys == 0 {
                return Err("fields must not be empty, and max_keys at least 1".to_owned());
            }
            Box::new(Dedupe::new(config.fields.clone(), config.window, config.max_keys))
        }
        TransformConfig::Vrl(config) => vrl(config)?,
    })
}

#[cfg(feature = "vrl")]
fn vrl(config: &crate::config::VrlConfig) -> Result<Box<dyn Transform>, String> {
    super::vrl::Program::new(config).map(|program| Box::new(program) as Box<dyn Transform>)
}

#[cfg(not(feature = "vrl"))]
fn vrl(_: &crate::config::VrlConfig) -> Result<Box<dyn Transform>, String> {
    Err(
        "this punt was built without VRL; build it with `cargo build --release -p punt --features vrl`"
            .to_owned(),
    )
}

fn parse(config: &ParseConfig) -> Result<Parse, String> {
    let needs = |key: &str, format: Format, given: bool| match config.format == format || !given {
        true => Ok(()),
        false => Err(format!("{key} is for another format")),
    };
    needs("pattern", Format::Regex, config.pattern.is_some())?;
    let format = match config.format {
        Format::Json => parse::Format::Json,
        Format::Ecs => parse::Format::Ecs,
        Format::Logfmt => parse::Format::Logfmt,
        Format::Syslog => parse::Format::Syslog,
        Format::NginxAccess => parse::Format::NginxAccess,
        Format::NginxError => parse::Format::NginxError(zone(&config.time_zone)?),
        Format::KeyValue => {
            if config.field_separator.is_empty() || config.value_separator.is_empty() {
                return Err("field_separator and value_separator must not be empty".to_owned());
            }
            parse::Format::KeyValue(KeyValue {
                field_separator: config.field_separator.clone(),
                value_separator: config.value_separator.clone(),
            })
        }
        Format::Regex => {
            let pattern = config
                .pattern
                .as_deref()
                .ok_or("format = \"regex\" needs a pattern")?;
            let pattern = Regex::new(pattern).map_err(|error| format!("pattern: {error}"))?;
            let groups: Vec<(usize, String)> = pattern
                .capture_names()
                .enumerate()
                .filter_map(|(number, name)| Some((number, name?.to_owned())))
                .collect();
            if groups.is_empty() {
                return Err(
                    "the pattern has no named group such as (?<status>\\d+), and would give no field"
                        .to_owned(),
                );
            }
            parse::Format::Regex(pattern, groups)
        }
    };
    Ok(Parse {
        format,
        field: config.field.clone(),
        target: config.target.clone(),
        keep_field: config
            .keep_field
            .unwrap_or(!matches!(config.format, Format::Json | Format::Ecs)),
        max_fields: config.max_fields,
    })
}

fn unpack(config: &UnpackConfig, format: parse::Format) -> Parse {
    Parse {
        format,
        field: config.field.clone(),
        target: None,
        keep_field: false,
        max_fields: config.max_fields,
    }
}

/// An IANA name, `UTC`, or an offset.
fn zone(name: &str) -> Result<TimeZone, String> {
    if name.eq_ignore_ascii_case("utc") || name == "Z" {
        return Ok(TimeZone::UTC);
    }
    if name.starts_with(['+', '-'])
        && let Ok(parts) = jiff::fmt::strtime::parse("%:z", name)
        && let Some(offset) = parts.offset()
    {
        return Ok(TimeZone::fixed(offset));
    }
    TimeZone::get(name).map_err(|error| format!("time_zone {name:?} is not known: {error}"))
}
