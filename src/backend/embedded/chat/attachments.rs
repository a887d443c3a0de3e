//! The attachments of a chat message (protocol section 5.4).

use crate::backend::embedded::agent::{image_type, AgentAttachment};
use crate::log_limit::LogLimit;
use crate::protocol::rpc::chat::Attachment;
use crate::protocol::{base64, fields, limits, NodeId, WireError};

/// Decodes the `attachments` of `chat.send`. Entries without content are dropped; content that is not
/// base64 is an error. What is not an image is an error for an operator; from a node it is dropped,
/// as the old gateway did. However many are dropped, the log says so in one line, limited for each
/// node.
pub(super) fn decode(
    entries: &[Attachment],
    log_limit: &LogLimit,
    node: Option<&NodeId>,
) -> Result<Vec<AgentAttachment>, WireError> {
    let mut attachments = Vec::new();
    let mut dropped = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let Some(content) = &entry.content else { continue };
        let label = label(entry, index);
        let bytes = base64::decode(without_data_url(content)).filter(|bytes| !bytes.is_empty());
        let bytes = bytes.ok_or_else(|| {
            WireError::invalid(format!("Error: attachment {label}: invalid base64 content"))
        })?;
        if bytes.len() > limits::ATTACHMENT_BYTES {
            let (size, limit) = (bytes.len(), limits::ATTACHMENT_BYTES);
            let text =
                format!("Error: attachment {label}: exceeds size limit ({size} > {limit} bytes)");
            return Err(WireError::invalid(text));
        }
        let Some(mime_type) = image_type(&bytes) else {
            if node.is_none() {
                let text = format!("Error: attachment {label}: only images can be attached");
                return Err(WireError::invalid(text));
            }
            dropped.push(label);
            continue;
        };
        let file_name = entry.file_name.as_deref().and_then(fields::short);
        attachments.push(AgentAttachment { file_name, mime_type: mime_type.to_owned(), bytes });
    }
    if let (Some(label), Some(source)) = (dropped.first(), node.map(NodeId::as_str)) {
        if let Some(more) = log_limit.admit_from("attachments", source) {
            let count = dropped.len();
            log::info!(
                "chat: dropped what is not an image node={source:?} count={count} \
                 label={label:?}{more}"
            );
        }
    }
    Ok(attachments)
}

/// What an error message calls the attachment.
fn label(entry: &Attachment, index: usize) -> String {
    let names = [&entry.file_name, &entry.r#type].into_iter().flatten();
    let mut names = names.filter_map(|name| fields::short(name));
    names.next().unwrap_or_else(|| format!("attachment-{}", index + 1))
}

/// The text behind `data:image/png;base64,`.
fn without_data_url(content: &str) -> &str {
    let behind = content.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    behind.map_or(content, |(_, text)| text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{json, Value};

    fn attachment(entry: Value) -> Attachment {
        serde_json::from_str(&entry.to_string()).unwrap()
    }

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n rest";

    #[test]
    fn images_are_kept_under_their_true_type_and_the_rest_is_dropped() {
        let entries = [
            json!({ "type": "file", "mimeType": "image/gif", "fileName": "a.gif", "content": base64::encode(PNG) }),
            json!({ "content": format!("data:image/png;base64,{}", base64::encode(PNG)) }),
            json!({ "fileName": "notes.txt", "content": base64::encode(b"hello") }),
            json!({ "fileName": "empty" }),
            json!(5),
        ];
        let entries = entries.map(attachment);
        let phone = NodeId::new("phone").unwrap();
        let read = decode(&entries, &LogLimit::default(), Some(&phone)).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].mime_type, "image/png");
        assert_eq!(read[0].file_name.as_deref(), Some("a.gif"));
        assert_eq!(read[1].bytes, PNG);
        let error = decode(&entries, &LogLimit::default(), None).unwrap_err();
        assert_eq!(error.message, "Error: attachment notes.txt: only images can be attached");
    }

    #[test]
    fn errors_name_the_attachment() {
        let decode = |entry| decode(&[attachment(entry)], &LogLimit::default(), None);
        let message = |entry| decode(entry).unwrap_err().message.into_owned();
        assert_eq!(
            message(json!({ "fileName": "x.png", "content": "not base64" })),
            "Error: attachment x.png: invalid base64 content"
        );
        assert_eq!(
            message(json!({ "content": "" })),
            "Error: attachment attachment-1: invalid base64 content"
        );
        let large = base64::encode(&vec![0; limits::ATTACHMENT_BYTES + 1]);
        assert_eq!(
            message(json!({ "type": "image", "content": large })),
            "Error: attachment image: exceeds size limit (5000001 > 5000000 bytes)"
        );
    }
}
