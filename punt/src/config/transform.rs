//! `[transforms.NAME]`: what is done to events on their way. A source or a route names those that it wants, in order.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::{When, duration};

/// A transform, by `type`. All of them have `when`: events for which it does not hold pass untouched.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum TransformConfig {
    Parse(ParseConfig),
    UnpackMerge(UnpackConfig),
    UnpackTake(UnpackConfig),
    Direct(DirectConfig),
    Date(DateConfig),
    Unixtime(UnixtimeConfig),
    Rename(RenameConfig),
    Remove(FieldsConfig),
    Keep(FieldsConfig),
    Lowercase(FieldsConfig),
    Set(SetConfig),
    Geoip(GeoipConfig),
    Redact(RedactConfig),
    Drop(DirectConfig),
    Sample(SampleConfig),
    Throttle(ThrottleConfig),
    Dedupe(DedupeConfig),
    Vrl(VrlConfig),
}

/// What becomes of an event that a transform cannot do its work on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnFailure {
    /// It goes on as it came, with `error.message` (unless it has one) and `labels.failed_transform`.
    #[default]
    Keep,
    /// It is dropped and counted.
    Drop,
    /// It goes to `DATA/dead-letter/transform-NAME.ndjson`.
    DeadLetter,
}

/// Text in a field into fields.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParseConfig {
    #[serde(default)]
    pub(crate) when: When,
    pub(crate) format: Format,
    /// Where the text is.
    #[serde(default = "message")]
    pub(crate) field: String,
    /// What the new fields' names begin with, and a dot. Without it, nothing.
    pub(crate) target: Option<String>,
    /// Whether the text stays beside the new fields. By default it does, except for `json` and `ecs`.
    pub(crate) keep_field: Option<bool>,
    /// For `regex`: the pattern; its named groups become fields.
    pub(crate) pattern: Option<String>,
    /// For `key_value`: what stands between pairs.
    #[serde(default = "space")]
    pub(crate) field_separator: String,
    /// For `key_value`: what stands between key and value.
    #[serde(default = "equals")]
    pub(crate) value_separator: String,
    /// For `nginx_error`: the zone of its times.
    #[serde(default = "utc")]
    pub(crate) time_zone: String,
    /// A text with more fields than this fails.
    #[serde(default = "max_fields")]
    pub(crate) max_fields: usize,
    #[serde(default)]
    pub(crate) on_failure: OnFailure,
}

/// What the text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// One JSON object.
    Json,
    /// One log record in the Elastic Common Schema, nested or dotted; its fields are written dotted.
    Ecs,
    Logfmt,
    /// RFC 3164 or 5424.
    Syslog,
    NginxAccess,
    NginxError,
    KeyValue,
    Regex,
}

/// Punt's `unpack-merge` and `unpack-take`: a JSON object in the message joins the event, or takes its place.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnpackConfig {
    #[serde(default)]
    pub(crate) when: When,
    /// Where the JSON is.
    #[serde(default = "message")]
    pub(crate) field: String,
    /// An object with more fields than this fails.
    #[serde(default = "max_fields")]
    pub(crate) max_fields: usize,
    #[serde(default)]
    pub(crate) on_failure: OnFailure,
}

/// Punt's `direct`: nothing is done. And `drop`: all is dropped. Neither needs more than a condition.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DirectConfig {
    #[serde(default)]
    pub(crate) when: When,
}

/// A time as somebody wrote it into an RFC 3339 time in UTC.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DateConfig {
    #[serde(default)]
    pub(crate) when: When,
    /// Where the time is.
    pub(crate) field: String,
    /// Tried in order: `rfc3339`, `rfc2822`, `unix`, `unix_ms`, `unix_us`, `unix_ns`, `syslog`, `nginx`, or a pattern
    /// as of strftime.
    #[serde(default = "rfc3339")]
    pub(crate) formats: Vec<String>,
    /// The zone of times that name none: an IANA name, or an offset such as `+02:00`.
    #[serde(default = "utc")]
    pub(crate) time_zone: String,
    /// Where the result goes. `@timestamp` names the index, too.
    #[serde(default = "timestamp")]
    pub(crate) target: String,
    #[serde(default)]
    pub(crate) on_failure: OnFailure,
}

/// Numbers that count from 1970 into RFC 3339 times.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnixtimeConfig {
    #[serde(default)]
    pub(crate) when: When,
    pub(crate) fields: Vec<String>,
    /// What the numbers count.
    #[serde(default)]
    pub(crate) unit: Unit,
    /// Where the result goes, for one field. Without it, in its place.
    pub(crate) target: Option<String>,
    #[serde(default)]
    pub(crate) on_failure: OnFailure,
}

/// What a number counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    /// By its size: seconds below 1e11, milliseconds below 1e14, microseconds below 1e17, else nanoseconds.
    #[default]
    Auto,
    S,
    Ms,
    Us,
    Ns,
}

/// Other names for fields.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RenameConfig {
    #[serde(default)]
    pub(crate) when: When,
    /// Old name = new name.
    pub(crate) fields: BTreeMap<String, String>,
}

/// Fields to remove, keep, or write in lower case. A `*` stands for any text.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FieldsConfig {
    #[serde(default)]
    pub(crate) when: When,
    pub(crate) fields: Vec<String>,
}

/// Values for fields.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetConfig {
    #[serde(default)]
    pub(crate) when: When,
    /// Name = value. `{other.field}` in a text stands for that field.
    pub(crate) fields: BTreeMap<String, Scalar>,
    /// Whether a field that is there gets the value, too.
    #[serde(default = "yes")]
    pub(crate) overwrite: bool,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Scalar {
    Bool(bool),
    Whole(i64),
    Real(f64),
    Text(String),
}

/// Where an address is in the world.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GeoipConfig {
    #[serde(default)]
    pub(crate) when: When,
    /// A MaxMind database (City, Country or ASN).
    pub(crate) database: PathBuf,
    /// Where the address is.
    #[serde(default = "source_ip")]
    pub(crate) field: String,
    /// What the new fields' names begin with: `client.geo` gives `client.geo.city_name` and so on.
    #[serde(default = "source_geo")]
    pub(crate) target: String,
    /// The names of the new fields.
    #[serde(default)]
    pub(crate) style: GeoStyle,
    /// By default an address that is in no database is no failure; a text that is no address is one.
    #[serde(default)]
    pub(crate) on_failure: OnFailure,
}

/// How geographic fields are named.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GeoStyle {
    /// As the Elastic Common Schema has them.
    #[default]
    Ecs,
    /// As Punt had them: `location_metro_code`, `location_country_code`, `location_geo`; `target` is not used.
    Punt,
}

/// Secrets out of texts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedactConfig {
    #[serde(default)]
    pub(crate) when: When,
    /// Where to look. Without it, everywhere. A `*` stands for any text.
    #[serde(default)]
    pub(crate) fields: Vec<String>,
    /// What to look for.
    #[serde(default = "every_secret")]
    pub(crate) secrets: Vec<Secret>,
    /// Regular expressions to look for; with a group, the group is the secret.
    #[serde(default)]
    pub(crate) patterns: Vec<String>,
    /// What is written instead.
    #[serde(default = "redacted")]
    pub(crate) replacement: String,
    /// Writes a keyed hash instead, so that equal secrets can still be told to be equal.
    pub(crate) hash_key: Option<String>,
}

/// A kind of secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Secret {
    /// Tokens of Discord, AWS, GitHub, Slack; JSON web tokens; what follows `Bearer`, `Bot` or `Basic`.
    Tokens,
    Emails,
    /// Numbers of payment cards, whose check digit is right.
    Cards,
}

/// A share of events.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SampleConfig {
    #[serde(default)]
    pub(crate) when: When,
    /// The share that passes, from 0 to 1.
    pub(crate) rate: f64,
    /// A field: of events with the same value all pass or none.
    pub(crate) key: Option<String>,
}

/// So many events a second.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ThrottleConfig {
    #[serde(default)]
    pub(crate) when: When,
    pub(crate) events_per_second: f64,
    /// How many may pass at once after a pause. Without it, those of one second.
    pub(crate) burst: Option<f64>,
    /// A field: each of its values has an allowance of its own.
    pub(crate) key: Option<String>,
    /// Values that are told apart; those beyond share one allowance.
    #[serde(default = "max_keys")]
    pub(crate) max_keys: usize,
}

/// One of several equal events.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DedupeConfig {
    #[serde(default)]
    pub(crate) when: When,
    /// What must be equal.
    #[serde(default = "message_only")]
    pub(crate) fields: Vec<String>,
    /// For how long an event is remembered.
    #[serde(default = "window", with = "duration")]
    pub(crate) window: Duration,
    /// Events that are remembered; the oldest are forgotten first.
    #[serde(default = "max_keys")]
    pub(crate) max_keys: usize,
}

/// A program in VRL. Needs a punt that was built with `--features vrl`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    not(feature = "vrl"),
    expect(dead_code, reason = "read to say that this build has no VRL")
)]
pub(crate) struct VrlConfig {
    #[serde(default)]
    pub(crate) when: When,
    /// The program.
    pub(crate) source: Option<String>,
    /// The file of the program.
    pub(crate) file: Option<PathBuf>,
    #[serde(default)]
    pub(crate) on_failure: OnFailure,
}

// === impl TransformConfig ===

impl TransformConfig {
    /// Which events it is for.
    pub(crate) fn when(&self) -> &When {
        match self {
            Self::Parse(config) => &config.when,
            Self::UnpackMerge(config) | Self::UnpackTake(config) => &config.when,
            Self::Direct(config) | Self::Drop(config) => &config.when,
            Self::Date(config) => &config.when,
            Self::Unixtime(config) => &config.when,
            Self::Rename(config) => &config.when,
            Self::Remove(config) | Self::Keep(config) | Self::Lowercase(config) => &config.when,
            Self::Set(config) => &config.when,
            Self::Geoip(config) => &config.when,
            Self::Redact(config) => &config.when,
            Self::Sample(config) => &config.when,
            Self::Throttle(config) => &config.when,
            Self::Dedupe(config) => &config.when,
            Self::Vrl(config) => &config.when,
        }
    }

    /// What becomes of an event that it fails on.
    pub(crate) fn on_failure(&self) -> OnFailure {
        match self {
            Self::Parse(config) => config.on_failure,
            Self::UnpackMerge(config) | Self::UnpackTake(config) => config.on_failure,
            Self::Date(config) => config.on_failure,
            Self::Unixtime(config) => config.on_failure,
            Self::Geoip(config) => config.on_failure,
            Self::Vrl(config) => config.on_failure,
            _ => OnFailure::Keep,
        }
    }
}

fn message() -> String {
    "message".to_owned()
}

fn message_only() -> Vec<String> {
    vec![message()]
}

fn space() -> String {
    " ".to_owned()
}

fn equals() -> String {
    "=".to_owned()
}

fn utc() -> String {
    "UTC".to_owned()
}

fn timestamp() -> String {
    "@timestamp".to_owned()
}

fn rfc3339() -> Vec<String> {
    vec!["rfc3339".to_owned()]
}

fn source_ip() -> String {
    "source.ip".to_owned()
}

fn source_geo() -> String {
    "source.geo".to_owned()
}

fn redacted() -> String {
    "[redacted]".to_owned()
}

fn every_secret() -> Vec<Secret> {
    vec![Secret::Tokens, Secret::Emails, Secret::Cards]
}

fn max_fields() -> usize {
    1000
}

fn max_keys() -> usize {
    10_000
}

fn window() -> Duration {
    Duration::from_secs(60)
}

fn yes() -> bool {
    true
}
