//! The index template: what the fields of the log record are to the engine, in the form that its version has.

use punt_elastic::{Dialect, Elastic, Error, Lifecycle};
use serde_json::{Value, json};

use super::policy;
use crate::config::{ElasticsearchConfig, IndexPattern, RetentionBy};

/// Text beyond this is kept in the document, and not searchable as a keyword.
const IGNORE_ABOVE: u32 = 8191;

/// Above the engine's own templates (100), so that ours is the one that counts.
const PRIORITY: u32 = 200;

/// A template in the form of one engine.
#[derive(Debug, PartialEq)]
pub(super) enum Template {
    Composable(Value),
    Legacy(Value),
}

// === impl Template ===

impl Template {
    /// The template for what the sink writes.
    pub(super) fn new(destination: &IndexPattern, config: &ElasticsearchConfig, dialect: Dialect) -> Self {
        let pattern = format!("{}*", destination.prefix());
        let mut index = json!({ "refresh_interval": "1s", "mapping": { "ignore_malformed": true } });
        let by_engine = config
            .retention
            .as_ref()
            .is_some_and(|retention| retention.by == RetentionBy::Engine);
        if by_engine && dialect.lifecycle() == Some(Lifecycle::Ilm) {
            index["lifecycle"] = json!({ "name": policy::name(destination) });
        }
        let settings = json!({ "index": index });
        if dialect.composable_templates() {
            let mut template = json!({
                "index_patterns": [pattern],
                "priority": PRIORITY,
                "_meta": { "description": "log records, installed by punt" },
                "template": { "settings": settings, "mappings": mappings() }
            });
            if config.data_stream.is_some() && dialect.data_streams() {
                template["data_stream"] = json!({});
            }
            return Self::Composable(template);
        }
        let mappings = match dialect.action_type() {
            Some(kind) => json!({ kind: mappings() }),
            None => mappings(),
        };
        let mut template = json!({ "order": PRIORITY, "settings": settings, "mappings": mappings });
        if dialect.major < 6 {
            template["template"] = json!(pattern);
        } else {
            template["index_patterns"] = json!([pattern]);
        }
        Self::Legacy(template)
    }

    pub(super) async fn install(&self, engine: &Elastic, name: &str) -> Result<(), Error> {
        match self {
            Self::Composable(template) => engine.put_index_template(name, template).await,
            Self::Legacy(template) => engine.put_legacy_template(name, template).await,
        }
    }
}

/// The name of template and policy of what is written there.
pub(super) fn name(destination: &IndexPattern) -> String {
    match destination.prefix().trim_end_matches(['-', '_', '.']) {
        "" => "punt".to_owned(),
        name => name.to_owned(),
    }
}

fn mappings() -> Value {
    json!({
        "date_detection": false,
        "dynamic_templates": [
            // Doubles only: the first value would decide between long and double for all that follow.
            // (By value type, since a path alone would match objects as well.)
            { "longs": {
                "path_match": "numeric_labels.*",
                "match_mapping_type": "long",
                "mapping": { "type": "double" }
            } },
            { "doubles": {
                "path_match": "numeric_labels.*",
                "match_mapping_type": "double",
                "mapping": { "type": "double" }
            } },
            { "booleans": {
                "match_mapping_type": "boolean",
                "mapping": { "type": "keyword" }
            } },
            { "texts": {
                "match_mapping_type": "string",
                "mapping": { "type": "keyword", "ignore_above": IGNORE_ABOVE }
            } }
        ],
        "properties": {
            "@timestamp": { "type": "date" },
            "message": { "type": "text" },
            "event": { "properties": {
                "duration": { "type": "long" },
                "original": { "type": "keyword", "index": false, "doc_values": false }
            } }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(keys: &str, opensearch: bool, major: u32, minor: u32) -> Template {
        let config: ElasticsearchConfig = toml::from_str(&format!("url = \"http://a:1\"\n{keys}")).unwrap();
        let dialect = Dialect {
            opensearch,
            major,
            minor,
        };
        Template::new(&config.destination(), &config, dialect)
    }

    #[test]
    fn each_engine_gets_the_form_that_it_reads() {
        let Template::Legacy(five) = template("", false, 5, 6) else {
            unreachable!()
        };
        assert_eq!(five["template"], "guildwatch-*");
        assert_eq!(five["mappings"]["doc"]["properties"]["message"]["type"], "text");
        let Template::Legacy(six) = template("", false, 6, 8) else {
            unreachable!()
        };
        assert_eq!(six["index_patterns"][0], "guildwatch-*");
        assert_eq!(six["mappings"]["_doc"]["properties"]["message"]["type"], "text");
        let Template::Legacy(seven) = template("", false, 7, 4) else {
            unreachable!()
        };
        assert_eq!(seven["mappings"]["properties"]["message"]["type"], "text");
        let Template::Composable(new) = template("", false, 9, 1) else {
            unreachable!()
        };
        assert_eq!(
            new["template"]["mappings"]["properties"]["message"]["type"],
            "text"
        );
        assert_eq!(new["data_stream"], Value::Null);
    }

    #[test]
    fn a_data_stream_and_a_policy_are_in_the_template() {
        let keys = "data_stream = \"logs-a-b\"\nretention = { max_age = \"7d\", by = \"engine\" }";
        let Template::Composable(elastic) = template(keys, false, 8, 0) else {
            unreachable!()
        };
        assert_eq!(elastic["data_stream"], json!({}));
        assert_eq!(
            elastic["template"]["settings"]["index"]["lifecycle"]["name"],
            "punt-logs-a-b"
        );
        let Template::Composable(open) = template(keys, true, 3, 0) else {
            unreachable!()
        };
        assert_eq!(open["template"]["settings"]["index"]["lifecycle"], Value::Null);
    }
}
