//! How a node introduces itself to a gateway: in words that do not change when its system is
//! updated, because a gateway pins them, and under a name that no other node has.

use crate::gateway::identity::Identity;
use crate::gateway::session::Principal;
use crate::protocol::gateway::{ClientInfo, Role, CLIENT_NODE};
use crate::protocol::{NodeId, NodeProfile};
use serde::{Deserialize, Serialize};

impl Principal {
    /// A node that describes itself so. `platform` is what it said first.
    pub(crate) fn of_node(
        node: &NodeId,
        identity: Identity,
        platform: Platform,
        profile: NodeProfile,
    ) -> Self {
        let version = profile.version.clone().or_else(|| profile.core_version.clone());
        let name = unique_name(profile.display_name.as_deref(), node, identity.id());
        let client = ClientInfo {
            id: CLIENT_NODE.0,
            version: version.unwrap_or_else(|| "unknown".to_owned()),
            platform: platform.platform,
            mode: CLIENT_NODE.1,
            display_name: Some(name),
            device_family: platform.family,
            model_identifier: profile.model_identifier.clone(),
        };
        Self {
            role: Role::Node,
            client,
            scopes: Vec::new(),
            identity,
            may_be_anonymous: false,
            profile: Some(profile),
        }
    }
}

/// A platform in the gateway's words, and the family that has to go with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Platform {
    pub(crate) platform: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) family: Option<String>,
}

/// Gateways allow a node the commands of its platform only if they know both words.
const PLATFORMS: &[(&str, &str, &[&str])] = &[
    ("ios", "iPad", &["ipad", "ipados"]),
    ("ios", "iPhone", &["ios", "iphone", "ipod"]),
    ("android", "Android", &["android"]),
    ("macos", "Mac", &["macos", "mac", "darwin", "os x"]),
    ("windows", "Windows", &["windows", "win32", "win64"]),
    ("linux", "Linux", &["linux"]),
];

/// The canonical platform of a node.
pub(crate) fn platform(profile: &NodeProfile) -> Platform {
    let known = |text: &Option<String>| {
        let text = text.as_deref()?.to_lowercase();
        PLATFORMS.iter().find(|(_, _, words)| words.iter().any(|word| text.starts_with(word)))
    };
    // An iPad's system calls itself iOS in old versions; the family is more exact.
    let found = known(&profile.device_family).or_else(|| known(&profile.platform));
    match found {
        Some((platform, family, _)) => {
            Platform { platform: (*platform).to_owned(), family: Some((*family).to_owned()) }
        }
        None => {
            let word = profile.platform.as_deref().unwrap_or_default().to_lowercase();
            let word = word.split_whitespace().next().unwrap_or("unknown").to_owned();
            Platform { platform: word, family: profile.device_family.clone() }
        }
    }
}

/// The node's name with four digits that are its own: of two nodes with one name on one machine, a
/// gateway would drop the one that is away for a minute. `device` is its id at the gateway, in hex.
fn unique_name(name: Option<&str>, node: &NodeId, device: &str) -> String {
    let name = name.map(str::trim).filter(|name| !name.is_empty()).unwrap_or(node.as_str());
    format!("{name} · {}", device.get(..4).unwrap_or(device))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(platform: &str, family: &str) -> (String, String) {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let profile = NodeProfile {
            platform: text(platform),
            device_family: text(family),
            ..NodeProfile::default()
        };
        let found = super::platform(&profile);
        (found.platform, found.family.unwrap_or_default())
    }

    #[test]
    fn pitfall_8_the_platform_is_a_word_that_stays_when_the_system_is_updated() {
        for ((platform, family), (word, its_family)) in [
            (("iPadOS 18.2.0", "iPad"), ("ios", "iPad")),
            (("iOS 17.2", "iPhone"), ("ios", "iPhone")),
            (("iOS 17.3", ""), ("ios", "iPhone")),
            (("iOS 12.5", "iPad"), ("ios", "iPad")),
            (("Android", "Android"), ("android", "Android")),
            (("macos", "Mac"), ("macos", "Mac")),
            (("darwin", "darwin"), ("macos", "Mac")),
            (("win32", "win32"), ("windows", "Windows")),
            (("linux", "linux"), ("linux", "Linux")),
            (("", "Linux"), ("linux", "Linux")),
            (("ESP32 v5", "board"), ("esp32", "board")),
            (("", ""), ("unknown", "")),
        ] {
            let expected = (word.to_owned(), its_family.to_owned());
            assert_eq!(canonical(platform, family), expected, "{platform} {family}");
        }
    }

    #[test]
    fn pitfall_7_two_nodes_with_one_name_have_different_names_at_the_gateway() {
        let node = NodeId::new("n1").unwrap();
        assert_eq!(unique_name(Some("iPhone"), &node, "a1b2c3"), "iPhone · a1b2");
        assert_eq!(unique_name(Some(" "), &node, "ffee00"), "n1 · ffee");
        assert_ne!(
            unique_name(Some("iPhone"), &node, "0001"),
            unique_name(Some("iPhone"), &node, "0002")
        );
    }
}
