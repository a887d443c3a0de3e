//! What the key of a group says about it: `agent:main:whatsapp:group:1234@g.us`, in the form of the
//! old gateway.

use super::entry::{text, Entry};
use crate::protocol::session;

/// A conversation with several people.
pub(super) struct Group<'a> {
    /// Where it takes place: `whatsapp`.
    pub(super) channel: Option<&'a str>,
    id: Option<&'a str>,
}

impl<'a> Group<'a> {
    /// The entry counts more than the key.
    pub(super) fn of(key: &'a str, entry: &'a Entry) -> Self {
        let rest = session::parts(key).map_or(key, |(_, rest)| rest);
        let mut parts = rest.splitn(3, ':');
        let parsed = match (parts.next(), parts.next(), parts.next()) {
            (Some(channel), Some("group" | "channel"), Some(id)) => Some((channel, id)),
            _ => None,
        };
        let parsed = parsed.filter(|(channel, id)| !channel.is_empty() && !id.is_empty());
        let channel = text(entry, "channel").or_else(|| parsed.map(|(channel, _)| channel));
        Self { channel, id: parsed.map(|(_, id)| id) }
    }

    /// A short name, such as `whatsapp:g-family` or `discord:#general`; without a channel none.
    pub(super) fn name(&self, key: &str, entry: &Entry) -> Option<String> {
        let filled = |name| text(entry, name).map(str::trim).filter(|text| !text.is_empty());
        let (room, space) = (filled("groupChannel"), filled("space"));
        let label = match (room, space) {
            (Some(room), Some(space)) => format!("{space}#{}", room.trim_start_matches('#')),
            _ => room.or_else(|| filled("subject")).or(space).or(self.id).unwrap_or(key).to_owned(),
        };
        let mut label = plain(&label);
        if room.is_none() {
            label.drain(..label.len() - label.trim_start_matches('#').len());
        }
        let prefix = match &*label {
            "" => return self.channel.map(str::to_lowercase),
            label if label.contains('#') || label.starts_with('@') => "",
            label if label.starts_with("g-") => "",
            _ => "g-",
        };
        self.channel.map(|channel| format!("{}:{prefix}{label}", channel.to_lowercase()))
    }
}

/// In small letters, with dashes for what is neither a letter nor a digit nor usual in such names.
fn plain(label: &str) -> String {
    let mut plain = String::new();
    for c in label.to_lowercase().chars() {
        let kept = c.is_ascii_alphanumeric() || "#@._+".contains(c);
        if kept {
            plain.push(c);
        } else if !plain.ends_with('-') {
            plain.push('-');
        }
    }
    plain.trim_matches(['-', '.']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{json, Value};

    #[test]
    fn a_group_is_named_after_its_key_as_the_old_gateway_did() {
        for (key, entry, channel, name) in [
            (
                "agent:main:whatsapp:group:120363@g.us",
                json!({}),
                "whatsapp",
                "whatsapp:g-120363@g.us",
            ),
            (
                "agent:main:whatsapp:group:1@g.us",
                json!({ "subject": " Familie  Müller! " }),
                "whatsapp",
                "whatsapp:g-familie-m-ller",
            ),
            (
                "agent:main:discord:channel:77",
                json!({ "groupChannel": "#general", "space": "Friends" }),
                "discord",
                "discord:friends#general",
            ),
            (
                "agent:main:discord:channel:77",
                json!({ "groupChannel": "#general" }),
                "discord",
                "discord:#general",
            ),
            ("agent:main:slack:group:#ops", json!({}), "slack", "slack:g-ops"),
            (
                "agent:main:telegram:group:-100:topic:5",
                json!({}),
                "telegram",
                "telegram:g-100-topic-5",
            ),
            ("agent:main:x", json!({ "channel": "Signal" }), "Signal", "signal:g-agent-main-x"),
            ("agent:main:zulip:group:???", json!({}), "zulip", "zulip"),
        ] {
            let Value::Object(entry) = entry else { panic!() };
            let group = Group::of(key, &entry);
            assert_eq!(group.channel, Some(channel), "{key}");
            assert_eq!(group.name(key, &entry).as_deref(), Some(name), "{key}");
        }
        for key in ["agent:main:main", "agent:main:x:group", "agent:main:x:group:", "global"] {
            let entry = Entry::new();
            let group = Group::of(key, &entry);
            assert_eq!((group.channel, group.name(key, &entry)), (None, None), "{key}");
        }
    }
}
