//! What a node tells a gateway (protocol section 6).

use super::events::Conversations;
use super::exec::ExecRuns;
use super::methods::{Over, Request};
use super::object::Object;
use crate::backend::{requests, Method, NodeId};
use crate::protocol::fields::Fields;
use crate::protocol::json::mend_surrogates;
use crate::protocol::{session, NodeEvent};

/// Something to be sent because of a node's event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::backend::openclaw) enum Outgoing {
    /// An event of the node, over its own connection; JSON text of an object.
    Event { event: NodeEvent, payload: String },
    /// A call whose answer nobody waits for.
    Call(Request),
}

/// What an event of a node becomes; nothing for an event that is invalid, unknown, or of no program
/// that the gateway asked for. `run_id` is one that nothing else has.
pub(in crate::backend::openclaw) fn outgoing(
    node: &NodeId,
    conversations: &mut Conversations,
    exec: &mut ExecRuns,
    (event, payload): (&str, &str),
    run_id: &str,
) -> Vec<Outgoing> {
    let payload = mend_surrogates(payload);
    let (Ok(fields), Some(event)) = (Fields::read(&payload), NodeEvent::parse(event)) else {
        return Vec::new();
    };
    let key = || session::key_in(&payload);
    match event {
        NodeEvent::VoiceTranscript => {
            let request = requests::read(node, event, &fields);
            request.map(|request| Outgoing::Call(spoken(request, run_id)))
        }
        NodeEvent::AgentRequest => {
            let request = requests::read(node, event, &fields);
            request.map(|request| Outgoing::Event { event, payload: asked(request, &fields) })
        }
        NodeEvent::ChatSubscribe => {
            let keys = key().map(|key| conversations.keys.subscribe(&key));
            return subscriptions(event, &keys.unwrap_or_default());
        }
        NodeEvent::ChatUnsubscribe => {
            let keys = key().map(|key| conversations.keys.unsubscribe(&key));
            return subscriptions(event, &keys.unwrap_or_default());
        }
        NodeEvent::ExecStarted | NodeEvent::ExecFinished | NodeEvent::ExecDenied => {
            exec.report(event, &fields).map(|payload| Outgoing::Event { event, payload })
        }
    }
    .into_iter()
    .collect()
}

/// An event for each key, as [`Conversations::connected`] has them.
pub(in crate::backend::openclaw) fn subscriptions(
    event: NodeEvent,
    keys: &[String],
) -> Vec<Outgoing> {
    let event_of =
        |key| Outgoing::Event { event, payload: Object::new().value("sessionKey", key).finish() };
    keys.iter().map(event_of).collect()
}

/// Spoken words, as a message. A gateway has an event for them, but gives them to its model with a
/// level of thinking that not every model has, and says nothing then.
fn spoken((key, message): (String, String), run_id: &str) -> Request {
    let params = Object::new()
        .value("sessionKey", &key)
        .value("message", &message)
        .value("deliver", &false)
        .value("idempotencyKey", &format!("voice-{run_id}"))
        .finish();
    Request { over: Over::Operator, method: Method::ChatSend, params }
}

/// A request to the agent. Without a session the gateway would make one with its own long name for
/// the node.
fn asked((key, message): (String, String), fields: &Fields<'_>) -> String {
    let mut object = Object::new().value("message", &message).value("sessionKey", &key);
    for name in ["thinking", "to", "channel", "key"] {
        if let Some(text) = fields.short_text(name) {
            object = object.value(name, &text);
        }
    }
    let is_number = |json: &&str| json.parse::<f64>().is_ok_and(|number| number > 0.0);
    let object = object
        .value("deliver", &fields.is_true("deliver"))
        .maybe("timeoutSeconds", fields.json("timeoutSeconds").filter(is_number));
    object.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::limits;
    use serde_json::{json, Value};

    #[derive(Default)]
    struct Phone(Conversations, ExecRuns);

    impl Phone {
        fn says(&mut self, event: &str, payload: &str) -> Vec<Outgoing> {
            let node = NodeId::new("8C1F").unwrap();
            outgoing(&node, &mut self.0, &mut self.1, (event, payload), "r1")
        }

        fn event(&mut self, event: &str, payload: &str) -> Option<Value> {
            match self.says(event, payload).pop()? {
                Outgoing::Event { payload, .. } => serde_json::from_str(&payload).ok(),
                Outgoing::Call(call) => serde_json::from_str(&call.params).ok(),
            }
        }
    }

    #[test]
    fn spoken_words_are_a_message_that_every_model_takes() {
        let mut phone = Phone::default();
        let said =
            phone.says("voice.transcript", r#"{"text":" turn on the light ","sessionKey":"main"}"#);
        let [Outgoing::Call(call)] = &said[..] else { panic!("{said:?}") };
        assert_eq!((call.over, call.method), (Over::Operator, Method::ChatSend));
        let params: Value = serde_json::from_str(&call.params).unwrap();
        assert_eq!(
            params,
            json!({"sessionKey":"main","message":"turn on the light","deliver":false,"idempotencyKey":"voice-r1"})
        );
        assert_eq!(
            phone.event("voice.transcript", r#"{"text":"x"}"#).unwrap()["sessionKey"],
            "main"
        );
        for nothing in [r#"{"text":" "}"#, r#"{"text":5}"#, "", "[]"] {
            assert!(phone.says("voice.transcript", nothing).is_empty(), "{nothing}");
        }
        let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(limits::SPOKEN_CHARS + 1));
        assert!(phone.says("voice.transcript", &long).is_empty());
    }

    #[test]
    fn a_request_to_the_agent_has_the_session_that_it_had_at_the_old_gateway() {
        let mut phone = Phone::default();
        let request = r#"{"message":"hi","sessionKey":null,"thinking":"low","deliver":true,"to":null,"channel":"whatsapp","timeoutSeconds":30.5,"key":"k1","other":[1]}"#;
        assert_eq!(
            phone.event("agent.request", request).unwrap(),
            json!({"message":"hi","sessionKey":"node-8C1F","thinking":"low","channel":"whatsapp","key":"k1","deliver":true,"timeoutSeconds":30.5})
        );
        let plain = phone
            .event("agent.request", r#"{"message":"hi","sessionKey":"main","timeoutSeconds":"x"}"#);
        assert_eq!(plain.unwrap(), json!({"message":"hi","sessionKey":"main","deliver":false}));
        assert_eq!(phone.event("agent.request", r#"{"message":7}"#), None);
    }

    #[test]
    fn following_a_conversation_is_said_once_for_each_of_its_names() {
        let mut phone = Phone::default();
        let keys = |said: Vec<Outgoing>| -> Vec<String> {
            let key = |out| match out {
                Outgoing::Event { payload, .. } => session::key_in(&payload),
                Outgoing::Call(_) => None,
            };
            said.into_iter().filter_map(key).collect()
        };
        let main = r#"{"sessionKey":"main"}"#;
        assert_eq!(keys(phone.says("chat.subscribe", main)), ["main", "agent:main:main"]);
        assert_eq!(keys(phone.says("chat.unsubscribe", main)), ["main", "agent:main:main"]);
        assert!(phone.says("chat.unsubscribe", main).is_empty());
        assert!(phone.says("chat.subscribe", r#"{"sessionKey":""}"#).is_empty());
        assert!(phone.says("presence.made.up", main).is_empty());
    }
}
