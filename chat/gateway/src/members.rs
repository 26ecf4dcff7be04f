//! Op 8: GUILD_MEMBERS_CHUNK from a snapshot of the guild.

use chat_proto::UserId;
use chat_proto::discord::member_json;
use chat_proto::service::data::User;
use serde_json::{Value, json};

use crate::backend::Snapshot;
use crate::event::RequestGuildMembers;

/// The bodies of the chunks; none when `viewer` is no member, as if there were no such guild.
pub(crate) fn chunks(
    request: &RequestGuildMembers,
    snapshot: &Snapshot,
    viewer: UserId,
    chunk_members: usize,
) -> Vec<Value> {
    let (guild, presences) = snapshot;
    if !guild.members.iter().any(|member| member.id == viewer) {
        return Vec::new();
    }
    let wanted = request.wanted();
    let beginning = request.query.as_deref().unwrap_or("").to_lowercase();
    let fits = |user: &&User| match &wanted {
        Some(ids) => ids.contains(&user.id),
        None => user.name.to_lowercase().starts_with(&beginning),
    };
    let limit = if request.limit == 0 || wanted.is_some() {
        usize::MAX
    } else {
        request.limit
    };
    let found: Vec<&User> = guild.members.iter().filter(fits).take(limit).collect();
    let missing: Vec<UserId> = wanted
        .unwrap_or_default()
        .into_iter()
        .filter(|id| !found.iter().any(|user| user.id == *id))
        .collect();
    // An empty answer is an answer, too: one chunk without members.
    let pages: Vec<&[&User]> = if found.is_empty() {
        vec![&[]]
    } else {
        found.chunks(chunk_members.max(1)).collect()
    };
    let count = pages.len();
    pages
        .into_iter()
        .enumerate()
        .map(|(index, page)| {
            let mut chunk = json!({
                "guild_id": guild.id,
                "members": page.iter().map(|user| member_json(user)).collect::<Vec<_>>(),
                "chunk_index": index,
                "chunk_count": count,
            });
            if index == 0 && !missing.is_empty() {
                chunk["not_found"] = json!(missing);
            }
            if request.presences {
                let here = presences
                    .iter()
                    .filter(|(user, _)| page.iter().any(|member| member.id == *user));
                chunk["presences"] = here
                    .map(|(user, status)| json!({"user": {"id": user}, "status": status, "activities": [], "client_status": {}}))
                    .collect();
            }
            if let Some(nonce) = &request.nonce {
                chunk["nonce"] = json!(nonce);
            }
            chunk
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use chat_proto::GuildId;
    use chat_proto::service::data::GuildRecord;

    use super::*;
    use crate::event::{self, ClientEvent};

    fn request(text: &str) -> RequestGuildMembers {
        match event::read(&format!(r#"{{"op":8,"d":{text}}}"#)) {
            Ok(ClientEvent::RequestGuildMembers(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    fn snapshot() -> Snapshot {
        let member = |id: u64| User {
            id: UserId(id),
            name: format!("User{id}"),
            bot: false,
        };
        let guild = GuildRecord {
            id: GuildId(9),
            name: "g".to_owned(),
            owner: UserId(1),
            channels: Vec::new(),
            members: (1..=5).map(member).collect(),
        };
        (guild, vec![(UserId(2), "idle".to_owned())])
    }

    #[test]
    fn everybody_comes_in_chunks() {
        let all = request(r#"{"guild_id":"9","query":"","limit":0,"presences":true,"nonce":"n"}"#);
        let chunks = chunks(&all, &snapshot(), UserId(1), 2);
        assert_eq!(chunks.len(), 3);
        assert!(chunks.iter().enumerate().all(|(index, chunk)| {
            chunk["chunk_index"] == index && chunk["chunk_count"] == 3 && chunk["nonce"] == "n"
        }));
        assert_eq!(chunks[0]["presences"][0]["status"], "idle");
        assert_eq!(chunks[2]["members"][0]["user"]["id"], "5");
    }

    #[test]
    fn a_query_matches_the_beginning_of_names_and_ids_match_exactly() {
        let some = request(r#"{"guild_id":"9","query":"uSeR","limit":2}"#);
        assert_eq!(
            chunks(&some, &snapshot(), UserId(1), 9)[0]["members"]
                .as_array()
                .unwrap()
                .len(),
            2
        );
        let one = request(r#"{"guild_id":"9","user_ids":["3","77"]}"#);
        let chunk = &chunks(&one, &snapshot(), UserId(1), 9)[0];
        assert_eq!(chunk["members"][0]["user"]["id"], "3");
        assert_eq!(chunk["not_found"], json!(["77"]));
        let none = request(r#"{"guild_id":"9","query":"nobody","limit":1}"#);
        assert_eq!(chunks(&none, &snapshot(), UserId(1), 9)[0]["members"], json!([]));
        assert!(
            chunks(&one, &snapshot(), UserId(77), 9).is_empty(),
            "not for strangers"
        );
    }
}
