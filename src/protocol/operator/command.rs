//! The table of operator commands: each method with its parameters and its answer.

use crate::protocol::operator::{
    Answer, Approved, Done, Invoked, LogLevel, NodeDetails, NodeList, Pairings, Rejected, Reloaded,
    Renamed, Revoked, Status,
};
use crate::protocol::records::records;
use crate::protocol::rpc::{self, Params};
use crate::protocol::{json, limits, Method, Payload, WireError};
use serde::de::DeserializeOwned;
use serde::{Deserializer, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// A request to the bridge: the value holds its parameters, the type knows its method and its
/// answer.
pub trait OperatorCall: Serialize {
    /// The method's name.
    const METHOD: &'static str;
    /// What a successful request returns.
    type Answer: DeserializeOwned;

    /// The request as the router takes it.
    fn into_command(self) -> OperatorCommand;

    /// The answer out of the router's; `None` if that belongs to another method.
    fn answer(answer: Answer) -> Option<Self::Answer>;
}

/// The methods that nodes may call, with their parameters.
impl<P: Params> OperatorCall for P {
    const METHOD: &'static str = P::METHOD.as_str();
    type Answer = P::Result;

    fn into_command(self) -> OperatorCommand {
        OperatorCommand::Call(P::METHOD, Some(rpc::encode(&self)))
    }

    fn answer(answer: Answer) -> Option<P::Result> {
        match answer {
            Answer::Called(payload) => serde_json::from_str(&payload.0).ok(),
            _ => None,
        }
    }
}

macro_rules! commands {
    ($(
        $(#[$doc:meta])*
        $method:literal => $name:ident { $($fields:tt)* } -> $variant:ident($answer:ty);
    )*) => {
        records! {
            $( $(#[$doc])* #[serde(deny_unknown_fields)] $name { $($fields)* } )*
        }

        $(
            impl OperatorCall for $name {
                const METHOD: &'static str = $method;
                type Answer = $answer;

                fn into_command(self) -> OperatorCommand {
                    OperatorCommand::$name(self)
                }

                fn answer(answer: Answer) -> Option<$answer> {
                    match answer {
                        Answer::$variant(answer) => Some(answer),
                        _ => None,
                    }
                }
            }
        )*

        /// Everything an operator may request.
        #[derive(Clone, Debug, PartialEq)]
        pub enum OperatorCommand {
            $( $(#[$doc])* $name($name), )*
            /// One of the methods that nodes may call, with its parameters as JSON text.
            Call(Method, Option<Payload>),
        }

        impl OperatorCommand {
            /// Every method that is not one of [`Method`].
            pub const METHODS: &'static [&'static str] = &[$($method),*];

            /// Decodes a request's parameters; none or `null` is the same as `{}`.
            pub(super) fn decode(method: &str, params: Option<&str>) -> Result<Self, WireError> {
                let params = params.filter(|raw| *raw != "null");
                match method {
                    "" => Err(WireError::invalid("method required")),
                    $( $method => typed(method, params).map(Self::$name), )*
                    _ => match Method::parse(method) {
                        Some(method) => Ok(Self::Call(method, params.map(Into::into))),
                        None => Err(unknown_method(method)),
                    },
                }
            }
        }
    };
}

commands! {
    /// Shows what the bridge is doing.
    "status" => GetStatus {} -> Status(Box<Status>);
    /// Lists every paired node.
    "node.list" => ListNodes {} -> Nodes(NodeList);
    /// Shows one node.
    "node.describe" => DescribeNode {
        /// The node: its id, address or display name, or the beginning of its id.
        node_id: String,
    } -> Node(Box<NodeDetails>);
    /// Lists pairing requests and paired nodes.
    "node.pair.list" => ListPairings {} -> Pairings(Pairings);
    /// Lets a node in. By the time of the answer the pairing is on disk.
    "node.pair.approve" => ApprovePairing {
        /// The request: its id or the beginning of it, or the node's id or name.
        request_id: String,
    } -> Approved(Box<Approved>);
    /// Refuses a node.
    "node.pair.reject" => RejectPairing {
        request_id: String,
    } -> Rejected(Rejected);
    /// Gives a node another name.
    "node.rename" => RenameNode {
        node_id: String,
        display_name: String,
    } -> Renamed(Renamed);
    /// Deletes a pairing and disconnects the node.
    "node.revoke" => RevokeNode {
        node_id: String,
    } -> Revoked(Revoked);
    /// Has a node run a command (protocol section 8).
    "node.invoke" => InvokeNode {
        node_id: String,
        /// The command, such as `camera.snap`.
        command: String,
        /// Its parameters as JSON text.
        #[serde(serialize_with = "json::write", deserialize_with = "compact_json")]
        params?: Payload,
        /// How long the node may take, in milliseconds; 0 or absent is the default of 15 s.
        timeout_ms?: u64,
        /// Two requests with the same key are carried out once.
        idempotency_key?: String,
    } -> Invoked(Invoked);
    /// Sends events to this operator from now on.
    "events.subscribe" => SubscribeEvents {
        /// Names of events; absent means all.
        only?: BTreeSet<String>,
    } -> Done(Done);
    /// Changes the log level of the running bridge.
    "log" => SetLogLevel {
        /// `off`, `error`, `warn`, `info`, `debug` or `trace`.
        level: String,
    } -> Level(LogLevel);
    /// Reads the configuration again.
    "reload" => Reload {} -> Reloaded(Reloaded);
    /// Stops the bridge.
    "stop" => Stop {} -> Done(Done);
}

impl InvokeNode {
    /// How long the node may take.
    pub fn timeout(&self) -> Duration {
        match self.timeout_ms.unwrap_or(0) {
            0 => limits::INVOKE_TIMEOUT,
            ms => Duration::from_millis(ms).min(limits::INVOKE_TIMEOUT_MAX),
        }
    }
}

/// JSON text without white space between its parts, which some nodes do not expect.
fn compact_json<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Payload>, D::Error> {
    Ok(json::read(d)?.map(|text| json::compact(&text).into()))
}

fn typed<P: DeserializeOwned>(method: &str, params: Option<&str>) -> Result<P, WireError> {
    serde_json::from_str(params.unwrap_or("{}")).map_err(|error| {
        // It is one line, and where in it the mistake is helps nobody.
        let error = error.to_string();
        let what = error.rsplit_once(" at line ").map_or(&*error, |(what, _)| what);
        WireError::invalid(format!("invalid {method} params: {what}"))
    })
}

fn unknown_method(method: &str) -> WireError {
    let own = OperatorCommand::METHODS.iter().copied();
    let known: Vec<&str> = own.chain(Method::ALL.iter().map(|method| method.as_str())).collect();
    WireError::invalid(format!("unknown method {method:?} (known: {})", known.join(", ")))
}
