//! The query of a list: `limit`, and where to begin.

use std::collections::HashMap;

use axum::extract::Query;
use chat_proto::MessageId;
use chat_proto::service::data::Page;

use crate::error::ApiError;

/// A query string as axum reads it.
pub(crate) type Fields = Query<HashMap<String, String>>;

/// A whole number between bounds.
pub(crate) fn limit(fields: &Fields, default: u32, most: u32) -> Result<u32, ApiError> {
    let Some(text) = fields.get("limit") else {
        return Ok(default);
    };
    match text.parse() {
        Ok(limit) if (1..=most).contains(&limit) => Ok(limit),
        Ok(limit) => {
            let limit: u32 = limit;
            let message = if limit == 0 {
                "int value should be greater than or equal to 1.".to_owned()
            } else {
                format!("int value should be less than or equal to {most}.")
            };
            Err(ApiError::invalid_form([(
                "limit".to_owned(),
                "NUMBER_TYPE_MAX",
                message,
            )]))
        }
        Err(_) => {
            let message = format!("Value \"{text}\" is not int.");
            Err(ApiError::invalid_form([(
                "limit".to_owned(),
                "NUMBER_TYPE_COERCE",
                message,
            )]))
        }
    }
}

/// An id, if it is there.
pub(crate) fn id(fields: &Fields, name: &str) -> Result<Option<u64>, ApiError> {
    let Some(text) = fields.get(name) else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|_| {
        let message = format!("Value \"{text}\" is not snowflake.");
        ApiError::invalid_form([(name.to_owned(), "NUMBER_TYPE_COERCE", message)])
    })
}

/// Which messages are asked for.
pub(crate) fn messages(fields: &Fields) -> Result<Page, ApiError> {
    if let Some(around) = id(fields, "around")? {
        return Ok(Page::Around(MessageId(around)));
    }
    if let Some(before) = id(fields, "before")? {
        return Ok(Page::Before(MessageId(before)));
    }
    if let Some(after) = id(fields, "after")? {
        return Ok(Page::After(MessageId(after)));
    }
    Ok(Page::Latest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Query(pairs.iter().map(owned).collect())
    }

    #[test]
    fn limits_have_bounds() {
        assert_eq!(limit(&fields(&[]), 50, 100), Ok(50));
        assert_eq!(limit(&fields(&[("limit", "100")]), 50, 100), Ok(100));
        for wrong in ["0", "101", "-1", "x"] {
            assert!(limit(&fields(&[("limit", wrong)]), 50, 100).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_page_is_named_by_the_id_where_it_begins() {
        assert!(matches!(messages(&fields(&[])), Ok(Page::Latest)));
        assert!(matches!(
            messages(&fields(&[("before", "7")])),
            Ok(Page::Before(MessageId(7)))
        ));
        assert!(matches!(
            messages(&fields(&[("after", "7")])),
            Ok(Page::After(MessageId(7)))
        ));
        assert!(matches!(
            messages(&fields(&[("around", "7")])),
            Ok(Page::Around(MessageId(7)))
        ));
        assert!(messages(&fields(&[("after", "x")])).is_err());
    }
}
