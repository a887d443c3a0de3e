//! The tools: those for the commands of the protocol, described in `tools.json`, and one for each
//! command that the owner of a node has added.

use super::{Format, Object};
use crate::canvas_host::CANVAS;
use crate::cli::failure::{could_not, Failure};
use crate::cli::node_commands::a2ui;
use crate::cli::render::device;
use crate::protocol::command::canvas::CanvasA2uiPushJsonl;
use crate::protocol::command::NodeCall;
use crate::protocol::operator::{InvokeNode, NodeView};
use crate::protocol::text::is_tricky;
use crate::protocol::{limits, CommandPattern, NodeCommand};
use serde::Deserialize;
use serde_json::{json, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

const CATALOG: &str = include_str!("tools.json");

/// The tool that lists the nodes.
const LIST: &str = "nodes_list";

/// The parameter that names the node.
const NODE: &str = "node";

/// What a tool makes of a node's answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Kind {
    /// JSON.
    #[default]
    Answer,
    /// Nothing.
    Done,
    Picture,
    /// A file.
    Recording,
    /// Whether a page could show something.
    Rendered,
}

/// A tool, and the nodes that can run it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::cli) struct Tool {
    name: String,
    /// The command of the protocol; empty for the list of nodes.
    command: String,
    /// What a node that does not list its commands says if it has this one.
    cap: Option<String>,
    title: String,
    description: String,
    read_only: bool,
    destructive: bool,
    open_world: bool,
    timeout_ms: u64,
    /// The parameter that says how long the command takes, in milliseconds.
    duration: Option<String>,
    pub(super) result: Kind,
    /// Parameters that the model need not know.
    fixed: Object,
    /// The parameter whose messages are sent as lines.
    jsonl: Option<String>,
    parameters: Object,
    required: Vec<String>,
    /// The nodes, by the names that a model uses for them.
    #[serde(skip)]
    nodes: Vec<Rc<Device>>,
}

/// A node, with the name by which a model names it.
#[derive(Debug, PartialEq)]
struct Device {
    label: String,
    node: NodeView,
}

/// What the nodes of this list that are connected can do.
pub(super) fn offered(nodes: &[NodeView]) -> Result<Vec<Tool>, Failure> {
    let catalog: Vec<Tool> =
        serde_json::from_str(CATALOG).map_err(could_not("read the list of tools"))?;
    let names = names(nodes);
    let connected = nodes.iter().filter(|node| node.connected);
    let device =
        |node: &NodeView| Rc::new(Device { label: label(node, &names), node: node.clone() });
    let connected: Vec<Rc<Device>> = connected.map(device).collect();
    let known: BTreeSet<String> = catalog.iter().map(|tool| tool.name.clone()).collect();
    let own = own_commands(&connected).into_iter().map(own_tool);
    let own = own.filter(|tool| !known.contains(&tool.name));
    let tools = catalog.into_iter().chain(own).filter_map(|mut tool| {
        let offering = connected.iter().filter(|device| tool.is_offered_by(&device.node));
        tool.nodes = offering.cloned().collect();
        tool.add_node_parameter();
        (!tool.nodes.is_empty()).then_some(tool)
    });
    Ok(std::iter::once(list_tool()).chain(tools).collect())
}

/// How many nodes have each display name.
fn names(nodes: &[NodeView]) -> BTreeMap<&str, usize> {
    let mut names = BTreeMap::new();
    for name in nodes.iter().filter_map(|node| node.profile.display_name.as_deref()) {
        *names.entry(name).or_default() += 1;
    }
    names
}

/// The name by which a model names a node: its display name if that is unique, else its id. Such
/// names come from nodes: what would break a line, or is as long as a prompt, is not used.
fn label(node: &NodeView, names: &BTreeMap<&str, usize>) -> String {
    let id = node.node_id.as_str();
    let Some(name) = &node.profile.display_name else { return id.to_owned() };
    let is_fit = !name.is_empty()
        && name.chars().count() <= limits::TOOL_NODE_NAME_CHARS
        && !name.chars().any(is_tricky);
    let is_unique = names.get(name.as_str()) == Some(&1);
    if is_fit && is_unique {
        name.clone()
    } else {
        id.to_owned()
    }
}

/// The commands that no protocol describes, in order. Their names come from nodes: what is no plain
/// word, or is as long as a prompt, is not shown to a model.
fn own_commands(connected: &[Rc<Device>]) -> BTreeSet<String> {
    let commands = connected.iter().filter_map(|device| device.node.profile.commands.as_ref());
    let commands: BTreeSet<&String> = commands.flatten().collect();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/');
    let own = commands.into_iter().filter(|command| {
        NodeCommand::parse(command).is_none()
            && command.len() <= limits::TOOL_NAME_CHARS
            && command.chars().all(is_plain)
    });
    own.take(limits::TOOLS_OF_NODES).cloned().collect()
}

fn own_tool(command: String) -> Tool {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let name = command.chars().map(|c| if is_fit(c) { c } else { '_' });
    Tool {
        name: name.take(limits::TOOL_NAME_CHARS).collect(),
        title: command.clone(),
        description: "A command that the owner of the device has added.".to_owned(),
        destructive: true,
        open_world: true,
        timeout_ms: 30_000,
        parameters: object(json!({
            "params": { "type": "object", "description": "What the command is given." },
        })),
        command,
        ..Tool::default()
    }
}

fn list_tool() -> Tool {
    Tool {
        name: LIST.to_owned(),
        title: "List the devices".to_owned(),
        description: "List the paired devices: name, platform, whether they are connected, and \
                      what they can do."
            .to_owned(),
        read_only: true,
        ..Tool::default()
    }
}

/// What the tool that lists the nodes returns.
pub(super) fn node_list(nodes: &[NodeView]) -> Value {
    let names = names(nodes);
    let nodes = nodes.iter().map(|node| {
        json!({
            "name": label(node, &names),
            "id": node.node_id,
            "device": device(&node.profile),
            "connected": node.connected,
            "commands": node.profile.commands,
        })
    });
    json!({ "nodes": nodes.collect::<Vec<_>>() })
}

/// Why a tool cannot be called.
pub(super) fn not_offered(name: &str, tools: &[Tool]) -> String {
    let names: Vec<&str> = tools.iter().map(Tool::name).collect();
    format!(
        "no connected device offers a tool `{}` now; there are: {}",
        super::safe(name),
        names.join(", ")
    )
}

impl Tool {
    pub(in crate::cli) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn parameters(&self) -> &Object {
        &self.parameters
    }

    pub(super) fn required(&self) -> &[String] {
        &self.required
    }

    /// The first sentence of its description.
    pub(super) fn summary(&self) -> &str {
        self.description.split_inclusive(". ").next().unwrap_or_default().trim_end()
    }

    fn is_offered_by(&self, node: &NodeView) -> bool {
        let profile = &node.profile;
        let listed = profile.commands.iter().flatten().any(|entry| covers(entry, &self.command));
        let commands = profile.commands.as_ref().filter(|commands| !commands.is_empty());
        // iOS does not list screen.record, though it has it (protocol section 8.1).
        let may_be_unlisted = commands.is_none()
            || NodeCommand::parse(&self.command) == Some(NodeCommand::ScreenRecord);
        let has = |cap| profile.caps.iter().flatten().any(|entry| entry == cap);
        let by_cap = self.cap.as_deref().is_some_and(has);
        let denied = profile.permissions.as_ref().and_then(|map| map.get(&self.command));
        let forbidden = node.forbidden_commands.contains(&self.command);
        (listed || may_be_unlisted && by_cap) && denied != Some(&false) && !forbidden
    }

    fn add_node_parameter(&mut self) {
        let names: Vec<&str> = self.nodes.iter().map(|device| device.label.as_str()).collect();
        let about = self.nodes.iter().map(|found| (&found.label, &found.node));
        let about = about.map(|(label, node)| match device(&node.profile) {
            device if device.is_empty() => label.clone(),
            device => format!("{label} ({})", super::clip(&device, limits::TOOL_NODE_NAME_CHARS)),
        });
        let about = about.collect::<Vec<_>>().join(", ");
        let schema = json!({
            "type": "string", "enum": names, "description": format!("The device: {about}."),
        });
        if names.len() > 1 {
            self.required.insert(0, NODE.to_owned());
        }
        self.parameters.insert(NODE.to_owned(), schema);
    }

    /// The tool as a model is told of it.
    pub(in crate::cli) fn describe(&self, format: Format) -> Value {
        let schema = json!({
            "type": "object",
            "properties": self.parameters,
            "required": self.required,
            "additionalProperties": false,
        });
        let (name, about) = (&self.name, &self.description);
        match format {
            Format::Plain => json!({ "name": name, "description": about, "parameters": schema }),
            Format::OpenAi => json!({
                "type": "function",
                "function": { "name": name, "description": about, "parameters": schema },
            }),
            Format::Anthropic => {
                json!({ "name": name, "description": about, "input_schema": schema })
            }
            Format::Mcp => json!({
                "name": name,
                "title": self.title,
                "description": about,
                "inputSchema": schema,
                "annotations": {
                    "title": self.title,
                    "readOnlyHint": self.read_only,
                    "destructiveHint": self.destructive,
                    "openWorldHint": self.open_world,
                },
            }),
        }
    }

    /// The request to the bridge for checked arguments; `None` if the tool needs no node.
    pub(super) fn request(&self, mut arguments: Object) -> Result<Option<InvokeNode>, String> {
        if self.command.is_empty() {
            return Ok(None);
        }
        let named = arguments.remove(NODE);
        let node = match &named {
            Some(name) => self.nodes.iter().find(|d| Some(d.label.as_str()) == name.as_str()),
            None => self.nodes.first(),
        };
        let node = &node.ok_or("no such device")?.node;
        if NodeCommand::parse(&self.command) == Some(NodeCommand::CanvasPresent) {
            // As `nodes canvas present`: the owner's page, where the node knows a canvas host.
            let page = node.canvas_host_url.as_ref().map(|url| format!("{url}{CANVAS}").into());
            page.map(|page| arguments.entry("url").or_insert(page));
        }
        let takes = self.duration.as_ref().and_then(|name| arguments.get(name)?.as_u64());
        let params = self.params(arguments)?;
        Ok(Some(InvokeNode {
            // The node of exactly this id.
            node_id: format!("id:{}", node.node_id),
            command: self.command.clone(),
            params: params.map(Into::into),
            // What is recorded takes as long again to arrive at worst.
            timeout_ms: Some(self.timeout_ms + 2 * takes.unwrap_or(0)),
            idempotency_key: None,
        }))
    }

    /// The command's parameters as JSON text.
    fn params(&self, mut arguments: Object) -> Result<Option<String>, String> {
        if let Some(messages) = self.jsonl.as_ref().and_then(|name| arguments.remove(name)) {
            let lines = messages.as_array().into_iter().flatten().map(Value::to_string);
            let lines = lines.collect::<Vec<_>>().join("\n");
            let jsonl = a2ui::checked(&lines)?;
            return Ok(CanvasA2uiPushJsonl { jsonl }.encode());
        }
        let own = NodeCommand::parse(&self.command).is_none();
        let params = match own {
            true => arguments.remove("params").map(|params| params.to_string()),
            false => {
                arguments.extend(self.fixed.clone());
                (!arguments.is_empty()).then(|| Value::Object(arguments).to_string())
            }
        };
        Ok(params)
    }

    /// How long the answer to a request may take.
    pub(super) fn timeout(request: &InvokeNode) -> Duration {
        request.timeout() + limits::ANSWER_MARGIN
    }
}

/// Whether an entry in a node's list of commands means this one; a headless node may list a family.
fn covers(entry: &str, command: &str) -> bool {
    entry == command || entry.parse().is_ok_and(|entry: CommandPattern| entry.matches(command))
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}
