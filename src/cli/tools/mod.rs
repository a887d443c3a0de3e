//! `tools`: what the connected nodes can do now, as tools for agents that call functions. `mcp`
//! offers the same tools over the Model Context Protocol.

mod arguments;
mod catalog;
mod outcome;
#[cfg(test)]
mod tests;

use crate::cli::columns::Column;
use crate::cli::*;
use crate::protocol::operator::{ListNodes, NodeView};
pub(super) use catalog::Tool;
pub(super) use outcome::Outcome;
use serde_json::Map;

type Object = Map<String, Value>;

const COLUMNS: &[Column<'_>] = &[("TOOL", 1, 8), ("WHAT IT DOES", 0, 20)];

/// How a kind of model wants its tools described.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Format {
    Plain,
    Mcp,
    OpenAi,
    Anthropic,
}

/// The formats by name, the default first.
pub(super) const FORMATS: &[&str] = &["plain", "mcp", "openai", "anthropic"];

pub(super) fn list(line: &CommandLine) -> Result<(), Failure> {
    let tools = offered(line)?;
    let format = match line.value("format") {
        Some("mcp") => Format::Mcp,
        Some("openai") => Format::OpenAi,
        Some("anthropic") => Format::Anthropic,
        _ => Format::Plain,
    };
    if line.is_set("json") || line.is_set("format") {
        let tools: Vec<Value> = tools.iter().map(|tool| tool.describe(format)).collect();
        let document = match format {
            Format::Plain | Format::Mcp => json!({ "tools": tools }),
            Format::OpenAi | Format::Anthropic => tools.into(),
        };
        return print_json(&document.to_string());
    }
    let row = |tool: &Tool| vec![safe(tool.name()), safe(tool.summary())];
    print(&table(COLUMNS, &tools.iter().map(row).collect::<Vec<_>>()))
}

pub(super) fn call(line: &CommandLine) -> Result<(), Failure> {
    let params = operator::params_flag(line)?.unwrap_or_else(|| "{}".to_owned());
    let arguments = serde_json::from_str(&params)
        .map_err(|_| Failure::usage("--params is not a JSON object"))?;
    let outcome = run(line, &line.required("TOOL"), arguments)?;
    match line.is_set("json") {
        true => print_json(&outcome.content()?.to_string()),
        false => outcome.show(),
    }
}

fn nodes(line: &CommandLine) -> Result<Vec<NodeView>, Failure> {
    Ok(ask(line, &ListNodes {})?.read()?.nodes)
}

pub(super) fn offered(line: &CommandLine) -> Result<Vec<Tool>, Failure> {
    catalog::offered(&nodes(line)?)
}

pub(super) fn without_nodes() -> Result<Vec<Tool>, Failure> {
    catalog::offered(&[])
}

pub(super) fn run(line: &CommandLine, name: &str, arguments: Object) -> Result<Outcome, Failure> {
    let nodes = nodes(line)?;
    let tools = catalog::offered(&nodes)?;
    let Some(tool) = tools.iter().find(|tool| tool.name() == name) else {
        return Err(Failure::failed(catalog::not_offered(name, &tools)));
    };
    let arguments = arguments::checked(tool.parameters(), tool.required(), arguments)
        .map_err(|why| Failure::failed(format!("{name}: {why}")))?;
    match tool.request(arguments).map_err(|why| Failure::failed(format!("{name}: {why}")))? {
        Some(request) => outcome::of_node(line, tool, request),
        None => Ok(Outcome::Text(catalog::node_list(&nodes).to_string())),
    }
}
