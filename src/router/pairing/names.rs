//! Names of nodes, which prove nothing: how they are compared, and who is called like whom.

use super::book::{PairingBook, PairingRequest};
use crate::protocol::{NodeId, NodeProfile};

/// Whether an operator would take one name for the other: without case and punctuation.
pub(in crate::router) fn is_same_name(one: &str, other: &str) -> bool {
    folded(one).next().is_some() && folded(one).eq(folded(other))
}

/// A name as it is compared: lowercase, everything but letters and digits a single dash.
fn folded(name: &str) -> impl Iterator<Item = char> + '_ {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.enumerate().flat_map(|(i, word)| {
        let dash = (i > 0).then_some('-').into_iter();
        dash.chain(word.chars().flat_map(char::to_lowercase))
    })
}

fn names<'a>(node: &'a NodeId, profile: &'a NodeProfile) -> impl Iterator<Item = &'a str> + Clone {
    [Some(node.as_str()), profile.display_name.as_deref()].into_iter().flatten()
}

impl PairingRequest {
    /// Whether an operator may take it for this node.
    pub(in crate::router) fn is_called_like(&self, node: &NodeId, profile: &NodeProfile) -> bool {
        let own = names(&self.node, &self.profile);
        own.clone().any(|own| names(node, profile).any(|other| is_same_name(own, other)))
    }
}

impl PairingBook {
    /// The paired nodes that an operator may take the request for. With the same id, it asks for a
    /// new token in the node's name.
    pub(in crate::router) fn namesakes<'a>(
        &'a self,
        request: &'a PairingRequest,
    ) -> impl Iterator<Item = &'a NodeId> {
        let paired = self.paired.iter();
        paired.filter(|(id, node)| request.is_called_like(id, &node.profile)).map(|(id, _)| id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_case_and_punctuation() {
        let folded = |name| folded(name).collect::<String>();
        assert_eq!(folded("  Ada's  iPad! "), "ada-s-ipad");
        assert_eq!(folded("Küche ☕"), "küche");
        assert!(is_same_name("Kitchen", "kitchen!") && !is_same_name("Kitchen", "Kitchen 2"));
        assert!(!is_same_name("☕", "☕"));
    }
}
